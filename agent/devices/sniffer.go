package devices

import (
	"context"
	"sort"
	"sync"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/board"
	"iot-edge-anomaly/drivers/modbus"
)

// sniffer is a serial line that another master polls and that is only listened
// to, and the goroutine that listens.
type sniffer struct {
	*modbus.Listener
	bus    string
	cancel context.CancelFunc // nil = not started
	done   sync.WaitGroup
}

func newSniffer(b config.Bus) *sniffer {
	m, s := b.Modbus, b.Modbus.Serial
	open := func(context.Context) (modbus.Port, error) {
		return board.ListenSerial(m.Addr, s.Baud, s.Parity, s.Stop)
	}
	return &sniffer{Listener: modbus.NewListener(open, modbus.ListenOptions{Baud: s.Baud, Timeout: b.Timeout}), bus: b.Name}
}

func (s *sniffer) start(ctx context.Context) {
	ctx, s.cancel = context.WithCancel(ctx)
	s.done.Go(func() { s.Run(ctx) })
}

// Close ends the listening and returns when the port is closed.
func (s *sniffer) Close() error {
	if s.cancel != nil {
		s.cancel()
	}
	s.done.Wait()
	return nil
}

// sniffers are the lines that are only listened to, sorted by name.
func (b *Buses) sniffers() (out []*sniffer) {
	for _, made := range b.byName {
		if made.sniffer != nil {
			out = append(out, made.sniffer)
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].bus < out[j].bus }) // 10 KiB less than package slices
	return out
}

// Heard is what was overheard on one line since Listen.
type Heard struct {
	Bus string
	modbus.ListenStats
}

// Heard copies the counters of the lines that are only listened to, sorted by
// name.
func (b *Buses) Heard() (out []Heard) {
	for _, s := range b.sniffers() {
		out = append(out, Heard{s.bus, s.Stats()})
	}
	return out
}

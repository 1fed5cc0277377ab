package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/status"
	"iot-edge-anomaly/board"
	"iot-edge-anomaly/drivers"
	"iot-edge-anomaly/drivers/modbus"
)

// ear is a line that is only listened to, and the goroutine that does it.
type ear struct {
	*modbus.Listener
	bus    string
	cancel context.CancelFunc // nil = not started
	done   sync.WaitGroup
}

func newEar(b config.Bus) *ear {
	m, s := b.Modbus, b.Modbus.Serial
	open := func(context.Context) (modbus.Port, error) {
		return board.ListenSerial(m.Addr, s.Baud, s.Parity, s.Stop)
	}
	return &ear{Listener: modbus.NewListener(open, modbus.ListenOptions{Baud: s.Baud, Timeout: b.Timeout}), bus: b.Name}
}

func (e *ear) start(ctx context.Context) {
	ctx, e.cancel = context.WithCancel(ctx)
	e.done.Go(func() { e.Run(ctx) })
}

// Close ends the listening and waits until the port is free.
func (e *ear) Close() error {
	if e.cancel != nil {
		e.cancel()
	}
	e.done.Wait()
	return nil
}

// listen begins to listen on the lines that are only listened to, until Close.
// Polled lines need no beginning.
func (l *lines) listen(ctx context.Context) {
	for _, e := range l.ears() {
		e.start(ctx)
	}
}

// ears are the lines that are only listened to, by name.
func (l *lines) ears() (out []*ear) {
	for _, made := range l.byName {
		if made.ear != nil {
			out = append(out, made.ear)
		}
	}
	slices.SortFunc(out, func(a, b *ear) int { return cmp.Compare(a.bus, b.bus) })
	return out
}

// earStatus are the counters of the lines that are only listened to.
func (l *lines) earStatus() (out []status.ModbusEar) {
	for _, e := range l.ears() {
		n := e.Stats()
		out = append(out, status.ModbusEar{Bus: e.bus, Bytes: uint64(n.Bytes), Understood: uint64(n.Understood),
			Exchanges: uint64(n.Exchanges), Opens: uint64(n.Opens), Passed: []status.ReasonCount{
				{Reason: "exception", N: uint64(n.Exceptions)}, {Reason: "write", N: uint64(n.Writes)},
				{Reason: "foreign", N: uint64(n.Foreign)}, {Reason: "unanswered", N: uint64(n.Unanswered)},
				{Reason: "unpaired", N: uint64(n.Unpaired)}, {Reason: "ambiguous", N: uint64(n.Ambiguous)},
				{Reason: "noise", N: uint64(n.Bursts)}}})
	}
	return out
}

// hearTimeout is how long read waits for another master to ask for what it is
// to show.
const hearTimeout = 3200 * time.Millisecond

// awaitHeard waits until everything that sensors can only overhear was heard.
func awaitHeard(ctx context.Context, sensors []drivers.Sensor) {
	ctx, cancel := context.WithTimeout(ctx, hearTimeout)
	defer cancel()
	for _, s := range sensors {
		if o, ok := s.(*modbus.Overheard); ok {
			o.Wait(ctx)
		}
	}
}

// tellHeard says how much of the traffic was understood.
func tellHeard(w io.Writer, l *lines) {
	for _, e := range l.ears() {
		s := e.Stats()
		if s.Bytes == 0 {
			fmt.Fprintf(w, "%s: overheard nothing\n", e.bus)
			continue
		}
		fmt.Fprintf(w, "%s: understood %.1f %% of %d bytes overheard: %d reads, %d refused, %d unanswered, %d in doubt; %d writes, %d other frames, %d bursts of noise\n",
			e.bus, 100*s.Share(), s.Bytes, s.Exchanges, s.Exceptions, s.Unanswered, s.Unpaired+s.Ambiguous, s.Writes, s.Foreign, s.Bursts)
	}
}

package modbus

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/goburrow/modbus"

	"iot-edge-anomaly/drivers/sim/modbussim"
)

// wireTime is the least time that a request for n registers and its answer take:
// every character, and a silence behind both; V1.02 §2.5.1.1.
func wireTime(baud, n int) time.Duration {
	return time.Duration(requestChars+rtuOverhead+2+2*n)*charTime(baud) + 2*interFrame(baud)
}

// BenchmarkRTU polls a peer that keeps a UART's time, ours beside goburrow's
// own handler. "wire-%" is the share of what the wire allows.
func BenchmarkRTU(b *testing.B) {
	for _, baud := range []int{19_200, 115_200} {
		for _, n := range []int{10, 125} {
			bank := map[uint8]*modbussim.Bank{7: counted()}
			// poll reads until the benchmark has enough and reports the
			// median, which a busy machine moves least.
			poll := func(b *testing.B, read func() ([]byte, error)) {
				var took []time.Duration
				last := time.Now()
				for b.Loop() {
					if _, err := read(); err != nil {
						b.Fatal(err)
					}
					now := time.Now()
					took, last = append(took, now.Sub(last)), now
				}
				slices.Sort(took)
				median := float64(took[len(took)/2])
				b.ReportMetric(100*float64(wireTime(baud, n))/median, "wire-%")
				b.ReportMetric(1e9/median, "requests/s")
				b.ReportMetric(0, "ns/op")
			}
			b.Run(fmt.Sprintf("%d/%d/ours", baud, n), func(b *testing.B) {
				l, _ := serialLine(b, baud, bank, LineOptions{Baud: baud})
				c := newClient(l, 7, RequestLimits{})
				poll(b, func() ([]byte, error) { return c.read(context.Background(), Input, 0, uint16(n), 2) })
			})
			b.Run(fmt.Sprintf("%d/%d/goburrow", baud, n), func(b *testing.B) {
				p := openPTY(b)
				s := modbussim.ServeRTU(p, baud, bank)
				b.Cleanup(func() { s.Close() })
				h := modbus.NewRTUClientHandler(p.Path)
				h.BaudRate, h.Parity, h.SlaveId, h.IdleTimeout, h.Timeout = baud, "N", 7, 0, time.Second
				if err := h.Connect(); err != nil {
					b.Fatal(err)
				}
				defer h.Close()
				c := modbus.NewClient(h)
				poll(b, func() ([]byte, error) { return c.ReadInputRegisters(0, uint16(n)) })
			})
		}
	}
}

// BenchmarkTCP_fleet reads 100 slaves of 100 registers each: what one round
// costs of a core, the simulated slaves' part included, and how much memory
// 1,000 of the channels take.
func BenchmarkTCP_fleet(b *testing.B) {
	const slaves, registers = 100, 100
	at := make([]int, registers)
	for i := range at {
		at[i] = i
	}
	var lines []*Line
	var devs []*Dev
	var servers []*modbussim.Server
	for range slaves {
		servers = append(servers, serve(b, map[uint8]*modbussim.Bank{7: counted()}))
	}
	before := heap()
	for _, s := range servers {
		l := NewLine(Dial(s.Addr()), LineOptions{})
		lines = append(lines, l)
		devs = append(devs, newDev(b, l, 7, words(at...), Options{}))
	}
	dst := make([]float64, registers)
	used := cpu(b)
	for b.Loop() {
		for _, d := range devs {
			if err := d.Read(context.Background(), dst); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(100*(cpu(b)-used).Seconds()/float64(b.N), "core-%-at-1Hz")
	b.ReportMetric(float64(heap()-before)/(slaves*registers)*1000/(1<<20), "MiB/1000-channels")
	for _, l := range lines {
		l.Close()
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

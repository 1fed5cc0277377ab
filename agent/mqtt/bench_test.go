package mqtt

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"iot-edge-anomaly/agent/detect"
	"iot-edge-anomaly/agent/report"
	"iot-edge-anomaly/agent/spool"
)

// acked notes when each message was acknowledged by the broker.
type acked struct {
	*report.Outbox
	mu sync.Mutex
	at []time.Time
}

func (a *acked) Ack(id uint64) error {
	a.mu.Lock()
	a.at = append(a.at, time.Now())
	a.mu.Unlock()
	return a.Outbox.Ack(id)
}

func (a *acked) wait(b *testing.B, n int) {
	for end := time.Now().Add(time.Minute); ; time.Sleep(200 * time.Microsecond) {
		a.mu.Lock()
		have := len(a.at)
		a.mu.Unlock()
		if have >= n {
			return
		}
		if time.Now().After(end) {
			b.Fatalf("%d of %d acknowledged", have, n)
		}
	}
}

// BenchmarkDelivery takes events from the reporter through the disk to mosquitto and
// back to the acknowledgement, in bursts: events a second, and the time within which
// 99 of 100 were acknowledged. Bursts of one come every 50 ms.
func BenchmarkDelivery(b *testing.B) {
	for _, burst := range []int{1, 100} {
		b.Run(fmt.Sprint("burst=", burst), func(b *testing.B) {
			m := newMosquitto(b)
			q, err := spool.Open(b.TempDir(), spool.Options{Logger: quiet})
			if err != nil {
				b.Fatal(err)
			}
			defer q.Close()
			began := time.Now()
			clock := func() report.Clock {
				return report.Clock{Now: time.Now(), Uptime: time.Since(began) + time.Hour, Quality: report.Synced}
			}
			r, err := report.New(report.Device{Site: "plant-3", Device: "gw7", Boot: "4f2a6c1e-0d5b-4b7e-9f7a-1c2d3e4f5a6b", Topic: "plant/gw7"}, q, clock)
			if err != nil {
				b.Fatal(err)
			}
			source := &acked{Outbox: report.NewOutbox(q, "4f2a6c1e-0d5b-4b7e-9f7a-1c2d3e4f5a6b", clock)}
			c, err := New(Options{Broker: "tcp://" + m.addr, ClientID: "gw7", Logger: quiet, Birth: status("online"), Will: status("offline"), Offline: status("offline")}, source)
			if err != nil {
				b.Fatal(err)
			}
			stop := run(b, c)
			defer stop()
			eventually(b, 10*time.Second, "connected", c.Connected)
			var late []time.Duration
			sent := 0
			b.ResetTimer()
			for range b.N {
				start := time.Now()
				for i := range burst {
					name := fmt.Sprintf("pump.channel_%02d", i)
					ev := detect.Event{Machine: "pump1", Kind: detect.LimitExceeded, Key: name, State: detect.Update, Severity: detect.High, Time: start, Since: start, Score: 1.2, Peak: 1.2,
						Causes: []detect.Cause{{Channel: name, Unit: "A", Share: 1, Value: 15, Expected: 12, Direction: "above"}}}
					if err := r.Event(ev, report.ModelRef{}); err != nil {
						b.Fatal(err)
					}
				}
				sent += burst
				source.wait(b, sent)
				source.mu.Lock()
				for _, at := range source.at[sent-burst:] {
					late = append(late, at.Sub(start))
				}
				source.mu.Unlock()
				if burst == 1 {
					time.Sleep(time.Until(start.Add(50 * time.Millisecond)))
				}
			}
			b.StopTimer()
			slices.Sort(late)
			b.ReportMetric(float64(sent)/b.Elapsed().Seconds(), "events/s")
			b.ReportMetric(float64(late[len(late)*99/100].Microseconds())/1000, "p99-ms")
			b.ReportMetric(float64(q.Stats().Written)/float64(sent), "record-B/event")
		})
	}
}

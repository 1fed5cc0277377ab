package gateway

import (
	"sync/atomic"
	"testing"
	"time"

	"iot-edge-anomaly/agent/report"
	"iot-edge-anomaly/drivers/driverstest"
)

// dated is the clock of a gateway, and checks the times of the messages that are heard.
type dated struct {
	t *testing.T
	*virtual
	step    atomic.Int64 // of the wall clock
	quality atomic.Value // string
	booted  time.Time

	// With the subscriber's lock:
	undated, lasted int       // messages without a time, with a duration
	corrected       int       // that waited, and were told with the time of the clock that was set
	previous        time.Time // of the one before
}

// set steps the clock.
func (d *dated) set(step time.Duration, quality string) {
	d.step.Store(int64(step))
	d.quality.Store(quality)
}

func (d *dated) read() report.Clock {
	quality := d.quality.Load().(string)
	now := time.Now()
	return report.Clock{Now: driverstest.Stepped(now, time.Duration(d.step.Load())), Uptime: now.Sub(d.booted), Quality: quality}
}

// hear takes a message.
func (d *dated) hear(m heardEvent) {
	if m.Duration != nil && m.State == "close" {
		if d.lasted++; *m.Duration > time.Since(d.booted).Seconds() {
			d.t.Errorf("%d: lasted %g s, and the test runs for %v", m.Seq, *m.Duration, time.Since(d.booted))
		}
	}
	if m.Time == nil {
		if d.undated++; m.Uptime == nil || *m.Uptime < 0 || m.Quality != report.Unset {
			d.t.Errorf("%d: no time, uptime %v, quality %s", m.Seq, m.Uptime, m.Quality)
		}
	}
	if m.Quality != "corrected" || d.step.Load() != 0 {
		return
	}
	d.corrected++
	if m.Time.Before(d.previous) || m.Time.Before(d.booted.Add(-time.Second)) || time.Until(*m.Time) > time.Second {
		d.t.Errorf("%d: corrected to %v at %v; the one before has %v", m.Seq, m.Time, time.Now().UTC(), d.previous)
	}
	d.previous = *m.Time
}

// goesOn waits until more rows were taken and more messages are made.
func (d *dated) goesOn(messages uint64) {
	d.t.Helper()
	rows, seq := d.Snapshot().Machines[0].Rows, d.queue.Seq()
	d.await("rows and messages go on", func() bool {
		return d.Snapshot().Machines[0].Rows > rows+2 && d.queue.Seq() >= seq+messages
	})
	if s := d.Snapshot().Stalled; s != "" {
		d.t.Errorf("stalled: %s", s)
	}
}

func (d *dated) await(what string, holds func() bool) {
	d.t.Helper()
	for end := time.Now().Add(2 * time.Minute); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			d.t.Fatalf("not within two minutes: %s", what)
		}
	}
}

// A gateway starts with the clock of 1970, and its clock jumps by hours and decades, with
// the broker and without, until a time server sets it. Nothing stalls, nothing lasts a
// negative time, and what waited is told in order with the right time. This is real
// time: times in a bubble have no monotonic reading.
func TestClock(t *testing.T) {
	if testing.Short() {
		t.Skip("takes ten seconds")
	}
	const year = 365 * 24 * time.Hour
	jumps := []time.Duration{-50 * year, 10 * year, -10 * year, time.Hour, -time.Hour}
	c := flapping(t, 50*time.Millisecond)
	c.MQTT.Broker, c.MQTT.Topic = "tcp://broker", "plant/{device}"
	d := &dated{t: t, booted: time.Now()}
	d.set(-56*year, report.Unset)
	d.virtual = startVirtual(t, c, d.read)
	d.subscriber.hear(d.hear)
	d.goesOn(20)
	d.await("messages without a time have come", func() bool {
		d.subscriber.mu.Lock()
		defer d.subscriber.mu.Unlock()
		return d.undated >= 8
	})
	for _, away := range []bool{false, true} {
		d.cut(away)
		for _, jump := range jumps {
			d.set(jump, report.Unknown)
			d.goesOn(8)
		}
	}
	waited := d.queue.Len()
	d.set(0, report.Synced)
	d.cut(false)
	last := d.queue.Seq()
	d.await("everything that waited has come", func() bool {
		d.subscriber.mu.Lock()
		defer d.subscriber.mu.Unlock()
		return d.last >= last
	})
	d.stop()
	d.check(t)
	d.subscriber.mu.Lock()
	defer d.subscriber.mu.Unlock()
	if d.gaps > 0 || d.undated < 8 || d.lasted < 8 || d.corrected < 32 {
		t.Errorf("%d messages, %d missing; %d without a time, %d with a duration, %d of %d corrected", d.messages, d.gaps, d.undated, d.lasted, d.corrected, waited)
	}
	t.Logf("%d messages, %d without a time, %d that waited corrected", d.messages, d.undated, d.corrected)
}

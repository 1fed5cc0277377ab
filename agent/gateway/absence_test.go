package gateway

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"iot-edge-anomaly/agent/detect"
	"iot-edge-anomaly/agent/mqtt"
	"iot-edge-anomaly/agent/report"
	"iot-edge-anomaly/agent/spool"
)

// fastDir is a folder in memory: a month of syncs takes long on a disk, and nobody cuts
// the power here.
func fastDir(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "gateway")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// onDisk is the size of all files in a folder, in bytes.
func onDisk(dir string) (n int64) {
	filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			if i, err := d.Info(); err == nil {
				n += i.Size()
			}
		}
		return nil
	})
	return n
}

// absent is a queue with its reporter, its connection and its subscriber, and what was
// reported: state and event by number, from 1.
type absent struct {
	*subscriber
	t        *testing.T
	dir      string
	queue    *spool.Queue
	reporter *report.Reporter
	client   *mqtt.Client
	states   []detect.State
}

func newAbsent(t *testing.T, dir string, most int64) *absent {
	t.Helper()
	a := &absent{subscriber: newSubscriber(), t: t, dir: dir, states: []detect.State{""}}
	began := time.Now()
	clock := func() report.Clock {
		return report.Clock{Now: time.Now(), Uptime: time.Since(began) + time.Minute, Quality: report.Synced}
	}
	device := report.Device{Site: "s", Device: "gw7", Boot: "4f2a6c1e-0d5b-4b7e-9f7a-1c2d3e4f5a6b", Topic: "plant/gw7"}
	quiet := slog.New(slog.DiscardHandler)
	var err error
	if a.queue, err = spool.Open(dir, spool.Options{MaxBytes: most, Logger: quiet}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.queue.Close() })
	if a.reporter, err = report.New(device, a.queue, clock); err != nil {
		t.Fatal(err)
	}
	if a.client, err = mqtt.New(mqtt.Options{Broker: "tcp://broker", ClientID: "gw7", Dial: a.dial, Logger: quiet}, report.NewOutbox(a.queue, device.Boot, clock)); err != nil {
		t.Fatal(err)
	}
	return a
}

// report takes one step of the event of a machine.
func (a *absent) report(machine int, state detect.State, since time.Time, severity detect.Severity) {
	a.t.Helper()
	now := time.Now()
	ev := detect.Event{Machine: fmt.Sprintf("m%d", machine), Kind: detect.ProcessAnomaly, State: state, Time: now, Since: since, Severity: severity, Score: 1.5 + now.Sub(since).Hours(), Peak: 3, Percentile: 99.9,
		Causes: []detect.Cause{{Channel: "pump.current", Unit: "A", Share: 0.6, Value: 4.2, Expected: 3.1, Direction: "above"}, {Channel: "pump.flow", Unit: "m³/h", Share: 0.3, Value: 1, Expected: 2, Direction: "below"}}}
	if state == detect.Close {
		ev.Until, ev.Reason = now, detect.ReasonNormal
	}
	if err := a.reporter.Event(ev, report.ModelRef{Version: "2026-11-20T10:00:00Z-1", SHA256: "9f86d081"}); err != nil {
		a.t.Fatal(err)
	}
	if a.queue.Seq() == uint64(len(a.states)) {
		a.states = append(a.states, state)
	}
}

// days reports events for n days: six machines after each other have one of five steps in
// ten minutes, and then there is a pause; and checks after each that the queue keeps its bound.
func (a *absent) days(n int, each time.Duration, most int64) {
	a.t.Helper()
	for end := time.Now().AddDate(0, 0, n); time.Now().Before(end); {
		next := time.Now().Add(each)
		for m := range 6 {
			since := time.Now()
			a.report(m, detect.Open, since, detect.Warning)
			for _, severity := range []detect.Severity{detect.High, detect.Critical, detect.Critical} {
				time.Sleep(3 * time.Minute)
				a.report(m, detect.Update, since, severity)
			}
			time.Sleep(time.Minute)
			a.report(m, detect.Close, since, detect.Critical)
		}
		time.Sleep(time.Minute)
		time.Sleep(time.Until(next))
		if size := onDisk(a.dir); size > most+most/16 {
			a.t.Fatalf("%d bytes on the disk, want %d and a segment", size, most)
		}
	}
}

// The broker is away for 30 days while events go on. What the queue cannot hold is
// dropped, updates first and the oldest first, and counted; nothing else is missing, and
// what is left arrives in order.
func TestMonth(t *testing.T) {
	if testing.Short() {
		t.Skip("takes ten seconds")
	}
	each, few, most := 4*time.Hour, 8, int64(1<<20)
	if long() {
		each, few, most = 2*time.Hour, 30, 6<<20
	}
	t.Run("room for opens and closes", func(t *testing.T) {
		dir := fastDir(t)
		synctest.Test(t, func(t *testing.T) { month(t, newAbsent(t, dir, most), few, each, most, true) })
	})
	most = min(most, 2<<20)
	t.Run("no room for them either", func(t *testing.T) {
		dir := fastDir(t)
		synctest.Test(t, func(t *testing.T) { month(t, newAbsent(t, dir, most), 30, each, most, false) })
	})
}

func month(t *testing.T, a *absent, days int, each time.Duration, most int64, updatesOnly bool) {
	arrived := map[uint64]bool{}
	a.hear(func(m heardEvent) { arrived[m.Seq] = true })
	done := startClient(t, a.client)
	a.days(1, each, most)
	a.mu.Lock()
	if len(arrived) != len(a.states)-1 {
		t.Errorf("%d of %d arrived before", len(arrived), len(a.states)-1)
	}
	a.mu.Unlock()
	left := uint64(len(a.states))
	before := use()
	a.cut(true)
	a.days(days, each, most)
	use().grown(t, before, 4<<20)
	stats := a.queue.Stats()
	a.cut(false)
	time.Sleep(10 * time.Minute)
	if left := a.queue.Len(); left > 0 {
		t.Fatalf("%d messages wait still", left)
	}
	a.days(1, each, most)
	done()
	a.check(t)
	a.mu.Lock()
	defer a.mu.Unlock()
	missing := map[detect.State]int{}
	first := map[bool]uint64{} // that arrived of what was reported meanwhile: updates, others
	for seq := left; seq < uint64(len(a.states)); seq++ {
		update := a.states[seq] == detect.Update
		switch {
		case arrived[seq] && first[update] == 0:
			first[update] = seq
		case !arrived[seq] && first[update] > 0:
			t.Fatalf("%s %d is missing, an older one was kept: %d", a.states[seq], seq, first[update])
		}
		if !arrived[seq] {
			missing[a.states[seq]]++
		}
	}
	total := missing[detect.Open] + missing[detect.Update] + missing[detect.Close]
	if uint64(total) != stats.Dropped || a.gaps != stats.Dropped || stats.Corrupt > 0 || total == 0 {
		t.Errorf("%v missing, %d in gaps, counted %d", missing, a.gaps, stats.Dropped)
	}
	if opens := missing[detect.Open] + missing[detect.Close]; updatesOnly != (opens == 0) {
		t.Errorf("%v missing, want updates alone: %v", missing, updatesOnly)
	}
	t.Logf("%d messages in %d days, missing and counted: %d updates, %d opens, %d closes; %d KiB on the disk, %d allowed", len(a.states)-1, days+2, missing[detect.Update], missing[detect.Open], missing[detect.Close], stats.Bytes>>10, most>>10)
}

// startClient runs a client until the function it returns is called.
func startClient(t *testing.T, c *mqtt.Client) (stop func()) {
	s := newService(func(ctx context.Context) { c.Run(ctx) })
	s.start(t.Context(), nil)
	t.Cleanup(s.end)
	return s.end
}

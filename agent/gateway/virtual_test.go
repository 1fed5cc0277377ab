package gateway

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/report"
)

// pumps is a configuration of machines that are learnt within 20 minutes. In each
// cycle of 2,000 rows each has a value above a limit and one whose relation to the others
// is lost.
func pumps(t *testing.T, machines int, more string) *config.Config {
	t.Helper()
	dir := t.TempDir()
	var sensors, units strings.Builder
	for m := range machines {
		noise := rand.New(rand.NewPCG(uint64(m), 2))
		var b strings.Builder
		b.WriteString("timestamp,level,a,b,c")
		for i := range 2000 {
			load := math.Sin(2*math.Pi*float64(i)/100) + 0.5*math.Sin(2*math.Pi*float64(i)/40)
			level, off := 1+0.05*noise.NormFloat64(), 0.0
			if i >= 1400 && i < 1420 {
				level = 10
			}
			if i >= 1700 && i < 1760 {
				off = 1.5
			}
			fmt.Fprintf(&b, "\n%d,%.4f,%.4f,%.4f,%.4f", i, level, 20+load+0.1*noise.NormFloat64(), 40+2*load+off+0.1*noise.NormFloat64(), 5-load+0.1*noise.NormFloat64())
		}
		file := filepath.Join(dir, fmt.Sprintf("m%d.csv", m))
		if err := os.WriteFile(file, []byte(b.String()+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&sensors, "  - {name: s%d, driver: replay, file: %s, loop: true, limits: {level: {warn: 4, alarm: 8}}}\n", m, file)
		fmt.Fprintf(&units, "  - {name: m%d, channels: [\"s%d.*\"], period: 1s, model: {path: %s/models/m%d, learn: {for: 20m}}}\n", m, m, dir, m)
	}
	return parsed(t, fmt.Sprintf(`gateway: {site: s, id: gw7}
state: %[1]s
sensors:
%[2]smachines:
%[3]smqtt: {broker: "tcp://broker", topic: "plant/{device}"}
http: {listen: ""}
control: {socket: ""}
%[4]s`, dir, sensors.String(), units.String(), more))
}

// virtual is a gateway that runs in a bubble of virtual time, and its subscriber.
type virtual struct {
	*Gateway
	*subscriber
	t     *testing.T
	began time.Time
	stop  func()
}

// startVirtual starts a gateway; clock may be nil.
func startVirtual(t *testing.T, c *config.Config, clock func() report.Clock) *virtual {
	t.Helper()
	v := &virtual{subscriber: newSubscriber(), t: t, began: time.Now()}
	if clock == nil {
		clock = func() report.Clock {
			return report.Clock{Now: time.Now(), Uptime: time.Since(v.began) + time.Minute, Quality: report.Synced}
		}
	}
	var err error
	if v.Gateway, err = New(Options{Config: c, Log: slog.New(slog.DiscardHandler), dial: v.dial, clock: clock}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- v.Run(ctx) }()
	v.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(v.stop) // of the bubble
	return v
}

// usage is what a process costs.
type usage struct {
	heap            uint64 // after a collection
	goroutines, fds int
}

func use() usage {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	fds, _ := os.ReadDir("/proc/self/fd")
	return usage{m.HeapAlloc, runtime.NumGoroutine(), len(fds)}
}

// grown checks that nothing has been kept since a moment at which everything was in
// use.
func (u usage) grown(t *testing.T, since usage, most uint64) {
	t.Helper()
	if u.heap > since.heap+most {
		t.Errorf("the heap grew from %d to %d bytes", since.heap, u.heap)
	}
	if u.goroutines > since.goroutines || u.fds > since.fds {
		t.Errorf("%d goroutines and %d descriptors, were %d and %d", u.goroutines, u.fds, since.goroutines, since.fds)
	}
}

// long tells whether tests run at full length.
func long() bool { return os.Getenv("EDGE_LONG") != "" }

// Seven days (a day, unless EDGE_LONG is set) of the whole gateway: the connection breaks
// every hour, and the broker is away for half an hour every six. No row and no message is
// lost, nothing is kept, and no day writes more than its budget.
func TestWeek(t *testing.T) {
	if testing.Short() {
		t.Skip("takes ten seconds")
	}
	days := 1
	if long() {
		days = 7
	}
	c := pumps(t, 2, "")
	synctest.Test(t, func(t *testing.T) {
		v := startVirtual(t, c, nil)
		time.Sleep(3 * time.Hour) // learnt, each kind of event was told
		before, written := use(), v.diskWritten()
		for hour := range 24 * days {
			time.Sleep(time.Hour)
			v.cut(hour%6 == 5)
			if hour%6 == 5 {
				time.Sleep(30 * time.Minute)
				v.cut(false)
			}
		}
		time.Sleep(10 * time.Minute)
		after, length := use(), time.Since(v.began)
		after.grown(t, before, 1<<20)
		written = v.diskWritten() - written
		if written > uint64(c.Budget.DiskPerDay)*uint64(days) {
			t.Errorf("%d bytes written in %d days, want %d a day at the most", written, days, c.Budget.DiskPerDay)
		}
		snap := v.Snapshot()
		for _, m := range snap.Machines {
			if due := uint64(length / time.Second); m.Rows+2 < due || m.Sampling.Dropped > 0 || m.Scored+1300 < due {
				t.Errorf("%s: %d rows of %d, %d scored, %d dropped", m.Name, m.Rows, due, m.Scored, m.Sampling.Dropped)
			}
		}
		if snap.Stalled != "" || snap.Spool.Messages > 0 {
			t.Errorf("stalled: %q, %d messages wait", snap.Stalled, snap.Spool.Messages)
		}
		v.stop()
		v.check(t)
		v.subscriber.mu.Lock()
		defer v.subscriber.mu.Unlock()
		if v.gaps > 0 || v.messages < 200*days || v.last != v.queue.Seq() {
			t.Errorf("%d messages, %d missing, the last is %d of %d", v.messages, v.gaps, v.last, v.queue.Seq())
		}
		t.Logf("%v: %d rows, %d messages; heap %d KiB, then %d; %d goroutines; %.2f MB written a day", length, snap.Machines[0].Rows, v.messages,
			before.heap>>10, after.heap>>10, after.goroutines, float64(written)/1e6/float64(days))
	})
}

// The whole gateway without its broker for 30 days (half a day, unless EDGE_LONG is
// set): disk and memory stay within their bounds, nothing has stalled, and when the broker
// is back what is left comes in order, with alerts that say at their end how many are missing.
func TestAway(t *testing.T) {
	if testing.Short() {
		t.Skip("takes five seconds")
	}
	away, most := 12*time.Hour, int64(48<<10)
	if long() {
		away, most = 30*24*time.Hour, 2<<20
	}
	c := pumps(t, 2, "")
	c.Spool.Max = most
	synctest.Test(t, func(t *testing.T) {
		v := startVirtual(t, c, nil)
		lost, told := "", uint64(0) // the newest text of such an alert, and their sum
		v.hear(func(m heardEvent) {
			if m.Kind == "alert" && m.Source == lossKey && m.State == "close" {
				var n uint64
				fmt.Sscan(m.Reason, &n)
				lost, told = m.Reason, told+n
			}
		})
		time.Sleep(3 * time.Hour)
		before, stalled := use(), ""
		v.cut(true)
		for range int(away / time.Hour) {
			time.Sleep(time.Hour)
			if size := onDisk(c.Spool.Dir); size > 2*most {
				t.Fatalf("%d bytes on the disk, want %d and a segment", size, most)
			}
			if s := v.Snapshot().Stalled; s != "" {
				stalled = s
			}
		}
		use().grown(t, before, 2<<20)
		stats := v.queue.Stats()
		v.cut(false)
		time.Sleep(2 * time.Hour)
		if left := v.queue.Len(); left > 0 || stalled != "" {
			t.Errorf("%d messages wait still; stalled was %q", left, stalled)
		}
		v.stop()
		v.check(t)
		v.subscriber.mu.Lock()
		defer v.subscriber.mu.Unlock()
		if v.gaps != stats.Dropped || stats.Dropped == 0 || v.last != v.queue.Seq() || told == 0 || told > v.gaps { // an alert may be among what is lost
			t.Errorf("%d missing, %d counted, the last is %d of %d; alerts tell %d, the newest %q", v.gaps, stats.Dropped, v.last, v.queue.Seq(), told, lost)
		}
		t.Logf("%d messages, %d missing and counted, of them %d updates; alert: %s", v.messages, v.gaps, stats.Spared, lost)
	})
}

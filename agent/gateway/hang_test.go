package gateway

import (
	"context"
	"math"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"iot-edge-anomaly/agent/detect"
	"iot-edge-anomaly/agent/diskwait"
	"iot-edge-anomaly/agent/report"
	"iot-edge-anomaly/drivers/driverstest"
)

// systemd is a service manager that receives what the agent tells it.
func systemd(t *testing.T) *net.UnixConn {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	t.Setenv("NOTIFY_SOCKET", path)
	t.Setenv("WATCHDOG_USEC", "1000000")
	return c
}

// fed waits until the watchdog is fed.
func fed(t *testing.T, c *net.UnixConn) {
	t.Helper()
	c.SetReadDeadline(time.Now().Add(time.Minute))
	b := make([]byte, 4096)
	for {
		n, err := c.Read(b)
		if err != nil {
			t.Fatalf("the watchdog is not fed: %v", err)
		}
		if strings.Contains(string(b[:n]), "WATCHDOG=1") {
			return
		}
	}
}

// TestDiskHangs: while an operation of the disk does not return, the agent says how it is at once, and feeds the watchdog.
func TestDiskHangs(t *testing.T) {
	manager, watch := systemd(t), driverstest.WatchStalls(t)
	c := configured(t)
	c.MQTT.ClientID, c.MQTT.Broker = "{device}", "tcp://127.0.0.1:1"
	var told strings.Builder
	g := opened(t, c, &told)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- g.Run(ctx) }()
	fed(t, manager)

	op := diskwait.Begin() // TestSlowDisk has a disk that really hangs
	now := time.Now()
	if err := g.reporter.Event(detect.Event{Machine: "pump1", Kind: detect.LimitExceeded, Key: "pump.speed", State: detect.Open, Severity: detect.Critical, Time: now, Since: now,
		Score: math.NaN(), Peak: math.NaN()}, report.ModelRef{}); err != nil {
		t.Error(err)
	}
	var took []time.Duration
	for end := now.Add(2 * time.Second); len(took) < 20 || time.Now().Before(end); {
		start := time.Now()
		st := g.status()
		took = append(took, watch.Own(start))
		if st.Checks["progress"].Detail != "" {
			t.Errorf("%s", st.Checks["progress"].Detail)
		}
	}
	slices.Sort(took)
	t.Logf("%d answers, p50 %v, p99 %v", len(took), took[len(took)/2], took[len(took)*99/100])
	if p99 := took[len(took)*99/100]; p99 > time.Second {
		t.Errorf("p99 of the answers is %v", p99)
	}
	fed(t, manager)
	fed(t, manager)
	if d := g.status().Checks["disk"].Detail; !strings.Contains(d, "has been waiting for") {
		t.Errorf("health says %q of the disk", d)
	}
	op.End()
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestWatchdog: a stage that stands still has the watchdog withheld, unless the disk
// keeps it waiting.
func TestWatchdog(t *testing.T) {
	manager := systemd(t)
	g := opened(t, configured(t), &strings.Builder{})
	defer runOnce(t, g) // nothing runs before: every stage stands still
	w := newWatchdog(g)
	wait := time.Hour
	w.wait = func() time.Duration { return wait }
	now := time.Now()
	for range 100 {
		now = now.Add(time.Second)
		w.look(now)
		fed(t, manager)
	}
	wait = 0
	for range 10 {
		now = now.Add(time.Second)
		w.look(now)
		fed(t, manager)
	}
	now = now.Add(time.Second)
	w.look(now)
	if s := g.Snapshot().Stalled; s != "sampling of pump1" {
		t.Errorf("%q stalls, want the sampling", s)
	}
	manager.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if n, err := manager.Read(make([]byte, 100)); err == nil {
		t.Errorf("%d bytes for systemd: the watchdog is fed", n)
	}
	for range 60 {
		now = now.Add(time.Second)
		w.look(now)
	}
	if s := w.loop.stalled(now, false); s == "" {
		t.Error("a loop that stands still for a minute is not noticed")
	}
}

// TestWatchdog_alone: without a service manager that watches, the agent ends itself when
// a stage has stood still for 30 s more; not while it moves, not while the disk keeps it
// waiting, and not where systemd does it.
func TestWatchdog_alone(t *testing.T) {
	ended := 0
	g := opened(t, configured(t), &strings.Builder{})
	defer runOnce(t, g) // nothing runs before: every stage stands still
	w := newWatchdog(g)
	wait := time.Duration(0)
	w.wait = func() time.Duration { return wait }
	now := time.Now()
	look := func(n, want int, what string) {
		t.Helper()
		for range n {
			now = now.Add(500 * time.Millisecond)
			w.look(now)
			select {
			case <-g.ending:
				ended++
			default:
			}
		}
		if ended != want {
			t.Errorf("%s: ended %d times, want %d", what, ended, want)
		}
	}
	look(18+patience-1, 0, "10 s are allowed, then nearly 30 s more")
	w.late = 0 // as after a look at which the stage has moved
	look(patience-1, 0, "it has moved, and stands still again")
	look(1, 1, "30 s")
	look(200, 1, "it is ended once")

	again := func() {
		w = newWatchdog(g)
		w.wait = func() time.Duration { return wait }
		now = time.Now()
	}
	wait = time.Hour
	again()
	look(500, 1, "the disk hangs")
	wait = 0
	again()
	w.every = time.Second
	look(500, 1, "systemd watches")
}

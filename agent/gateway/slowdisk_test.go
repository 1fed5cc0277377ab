package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/detect"
	"iot-edge-anomaly/agent/devices"
	"iot-edge-anomaly/agent/spool"
	"iot-edge-anomaly/drivers/driverstest"
)

// flapping is a configuration of one machine with eight channels, all of which cross
// their limit every tenth row.
func flapping(t *testing.T, period time.Duration) *config.Config {
	t.Helper()
	dir := t.TempDir()
	var rows, limits strings.Builder
	rows.WriteString("timestamp")
	for c := range 8 {
		fmt.Fprintf(&rows, ",c%d", c)
		fmt.Fprintf(&limits, "c%d: {warn: 4, alarm: 8}, ", c)
	}
	for r := range 40 {
		fmt.Fprintf(&rows, "\n%d%s", r, strings.Repeat(fmt.Sprint(",", 1+9*(r/10%2)), 8))
	}
	if err := os.WriteFile(filepath.Join(dir, "rows.csv"), []byte(rows.String()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, problems := config.Parse("config.yaml", fmt.Appendf(nil, `gateway: {site: s, id: gw7}
state: %[1]s
sensors: [{name: tank, driver: replay, file: %[1]s/rows.csv, loop: true, limits: {%[2]s}}]
machines: [{name: tank1, channels: ["tank.*"], period: %[3]s, model: {path: %[1]s/model, learn: {for: 1h}}, detect: {hold: %[3]s}}]
http: {listen: ""}
control: {socket: ""}
`, dir, limits.String(), period), devices.Infos())
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	return c
}

// Each sync takes a second and then the disk is silent for eleven: the gateway loses no
// row, tells its state at once, and all its events are in the queue afterwards, in
// order.
func TestSlowDisk(t *testing.T) {
	if testing.Short() {
		t.Skip("takes twenty seconds")
	}
	var wait atomic.Int64
	const period = 100 * time.Millisecond
	c := flapping(t, period)
	g, err := New(Options{Config: c, Log: slog.New(slog.DiscardHandler), beforeSync: func() { time.Sleep(time.Duration(wait.Load())) }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx) }()
	wait.Store(int64(time.Second))
	watch := driverstest.WatchStalls(t)
	began := time.Now()
	var volatile int
	for end := began.Add(time.Minute); time.Now().Before(end); {
		if time.Since(began) > 5*time.Second && volatile == 0 {
			wait.Store(int64(11 * time.Second))
		}
		start := time.Now()
		s := g.Snapshot()
		if d := watch.Own(start); d > 500*time.Millisecond {
			t.Errorf("a look took %s", d)
		}
		if volatile = max(volatile, s.Spool.Volatile); volatile > 0 {
			wait.Store(0)
			end = began // all is seen
		}
		time.Sleep(period)
	}
	m := g.Snapshot().Machines[0]
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if m.Rows < 100 || m.Sampling.Dropped > uint64(watch.Between(began, time.Now())/period) {
		t.Errorf("%d rows, %d dropped", m.Rows, m.Sampling.Dropped)
	}
	if volatile == 0 {
		t.Error("the silence of the disk was not noticed")
	}
	balanced(t, c.Spool.Dir)
}

// balanced checks that the queue in dir has every number, and of each event one open
// and one close at the most, in order.
func balanced(t *testing.T, dir string) {
	t.Helper()
	q, err := spool.Open(dir, spool.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	n, state := uint64(q.Len()), map[string]string{}
	if n < 50 || q.Seq() != n || q.Stats().Corrupt > 0 {
		t.Errorf("%d messages, the last number is %d: %+v", n, q.Seq(), q.Stats())
	}
	for id := uint64(1); id <= n; id++ {
		e, err := q.Next(t.Context(), id-1)
		if err != nil {
			t.Fatal(err)
		}
		var m struct{ State, Event string }
		if err := json.Unmarshal(e.Payload, &m); err != nil || e.ID != id {
			t.Fatalf("message %d: %v, number %d", id, err, e.ID)
		}
		if before := state[m.Event]; (m.State == "open") != (before == "") || before == "close" {
			t.Errorf("message %d: %s after %q", id, m.State, before)
		}
		state[m.Event] = m.State
	}
}

// TestIds_neverTwice: the disk loses what was told from memory, and the process is killed.
// The next one gives out the same numbers, for it cannot know them, and other ids.
func TestIds_neverTwice(t *testing.T) {
	c := configured(t)
	var ids, events [2]string
	for i := range ids {
		g := opened(t, c, &strings.Builder{})
		g.alert("x", "told from memory", detect.High, time.Now())
		if err := g.queue.Flush(); err != nil {
			t.Fatal(err)
		}
		e, err := g.queue.Next(t.Context(), 0)
		if err != nil || e.ID != 1 {
			t.Fatalf("number %d, %v", e.ID, err)
		}
		var m struct{ ID, Event string }
		if err := json.Unmarshal(e.Payload, &m); err != nil {
			t.Fatal(err)
		}
		ids[i], events[i] = m.ID, m.Event
		runOnce(t, g)
		if err := os.RemoveAll(c.Spool.Dir); err != nil {
			t.Fatal(err)
		}
	}
	if ids[0] == ids[1] || events[0] == events[1] || ids[0] == "" || events[0] == "" {
		t.Errorf("messages %v, events %v", ids, events)
	}
}

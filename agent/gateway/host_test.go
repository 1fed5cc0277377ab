package gateway

import (
	"math"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/guard"
)

// TestHost: the CPU is known from the second look on, which comes ten seconds later.
func TestHost(t *testing.T) {
	c := &config.Config{State: t.TempDir(), Spool: config.Spool{Dir: t.TempDir()}}
	var h host
	start := time.Now()
	first := h.look(start, c)
	if first == nil || !math.IsNaN(first.CPU) || len(first.Disks) != 2 || first.Disks[1].Path != c.Spool.Dir {
		t.Fatalf("first look: %+v", first)
	}
	for i := range first.Disks {
		if p := first.Disks[i].Percent; p < 0 || p > 100 {
			t.Errorf("%+v", first.Disks[i])
		}
	}
	if got := h.look(start.Add(hostEvery-1), c); got != nil {
		t.Errorf("too early a look: %+v", got)
	}
	h.load.Total -= 100 // as if it were ten seconds ago
	h.load.Busy -= 30
	c.Spool.Dir = filepath.Join(c.State, "spool")
	second := h.look(start.Add(hostEvery), c)
	if second == nil || !(second.CPU >= 0 && second.CPU <= 100) || len(second.Disks) != 1 {
		t.Errorf("second look: %+v", second)
	}
	c.State = filepath.Join(c.State, "gone")
	if third := h.look(start.Add(2*hostEvery), c); third == nil || len(third.Disks) != 0 {
		t.Errorf("a folder that is not there: %+v", third)
	}
}

// TestHost_fullDisk: a disk that is too full is looked at each second, so that the
// gateway is well as soon as there is space; the CPU keeps its average of ten seconds.
func TestHost_fullDisk(t *testing.T) {
	g := opened(t, configured(t), new(strings.Builder))
	defer runOnce(t, g)
	before := *g.hostNow.Load()
	path := before.Disks[0].Path
	percent := func() float64 { return g.hostNow.Load().Disks[0].Percent }
	set := func(full float64) {
		h := before
		h.Disks = []guard.Disk{{Path: path, Percent: full}}
		g.hostNow.Store(&h)
		g.guards.host(g.started, h.Figures)
	}
	if set(1); g.lookAtHost(g.started.Add(time.Second)) || percent() != 1 {
		t.Errorf("a disk with space was looked at after a second: %v %%", percent())
	}
	load := g.host.load
	if set(101); !g.guards.has(guard.Kinds[2]) {
		t.Fatal("101 % is no trouble")
	}
	if g.lookAtHost(g.started.Add(2 * time.Second)) {
		t.Error("all was due after two seconds")
	}
	if p := percent(); p < 0 || p > 100 {
		t.Errorf("still %v %% full", p)
	}
	if g.host.load != load {
		t.Error("the CPU was looked at, too")
	}
}

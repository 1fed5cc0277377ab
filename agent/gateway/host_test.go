package gateway

import (
	"math"
	"path/filepath"
	"testing"
	"time"

	"iot-edge-anomaly/agent/config"
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

package gateway

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"iot-edge-anomaly/agent/guard"
	"iot-edge-anomaly/agent/status"
)

// TestMemoryIsShort: telemetry and training give way, health, metrics and log say so once,
// and all goes on when there is memory again.
func TestMemoryIsShort(t *testing.T) {
	var used atomic.Uint64
	c := configured(t)
	c.Budget.Memory = 100 << 20
	var told strings.Builder
	g, err := New(Options{Config: c, Log: slog.New(slog.NewTextHandler(&told, nil)), memoryUsed: used.Load})
	if err != nil {
		t.Fatal(err)
	}
	defer runOnce(t, g)
	now := time.Now()
	pass := func(mib uint64, d time.Duration) {
		used.Store(mib << 20)
		for range d / guardEvery {
			now = now.Add(guardEvery)
			g.guards.look(now)
		}
	}
	shed := func() guard.Shed { return guard.Shed(g.guards.shed.Load()) }
	pass(60, time.Minute)
	if h := g.status().Checks["memory"]; h.Detail != "" || shed() != guard.ShedNothing || strings.Contains(told.String(), "scarce") {
		t.Errorf("with 60 of 100 MiB: %+v, %v", h, &told)
	}
	pass(85, 2*time.Minute)
	s := g.Snapshot()
	if h := s.Health().Checks["memory"]; h.Status != status.Degraded || h.Detail != "85 of 100 MiB are in use: telemetry and learning wait" {
		t.Errorf("with 85 of 100 MiB: %+v", h)
	}
	if s.Collections != 2 || s.MemoryLimit != 100<<20 || guard.Worst(s.Troubles, "memory") != guard.High {
		t.Errorf("collections %d, limit %d, troubles %+v", s.Collections, s.MemoryLimit, s.Troubles)
	}
	if n := strings.Count(told.String(), "msg=scarce"); n != 1 || strings.Count(told.String(), "memory is short") != 2 {
		t.Errorf("said %d times:\n%s", n, &told)
	}
	pass(60, 31*time.Second) // which a collection by Go alone does not bring
	if h := g.status().Checks["memory"]; h.Detail != "" || shed() != guard.ShedNothing || !strings.Contains(told.String(), `level=INFO msg="no longer scarce" of=memory`) {
		t.Errorf("with 60 of 100 MiB again: %+v, %v", h, &told)
	}
}

// TestMemoryEndsTheAgent: at 95 % for a minute the agent keeps who held the memory, and
// asks to be started again.
func TestMemoryEndsTheAgent(t *testing.T) {
	c := configured(t)
	c.Budget.Memory = 100 << 20
	g, err := New(Options{Config: c, Log: slog.New(slog.DiscardHandler), memoryUsed: func() uint64 { return 97 << 20 }})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- g.Run(context.Background()) }()
	w := newGuards(g)
	now := time.Now()
	for range 62 {
		now = now.Add(guardEvery)
		w.look(now)
	}
	if err := <-ended; !errors.Is(err, ErrRestart) || !strings.Contains(err.Error(), "memory: 97 of 100 MiB are in use") {
		t.Errorf("the agent ends with %v", err)
	}
	if b, err := os.ReadFile(filepath.Join(c.State, "heap.txt")); err != nil || !strings.HasPrefix(string(b), "heap profile: ") || len(b) > evidenceMost {
		t.Errorf("%v, %.100s", err, b)
	}
}

// TestHostIsTold: what becomes scarce is in log, health and metrics, once.
func TestHostIsTold(t *testing.T) {
	var told strings.Builder
	g := opened(t, configured(t), &told)
	defer runOnce(t, g)
	now := time.Now()
	f := guard.Figures{CPU: 1, Disks: []guard.Disk{{Path: "/data", Percent: 97}}, Heat: guard.Heat{Part: "cpu-thermal", Celsius: 84, Most: 80}, Supply: "under-voltage: the supply or its cable is too weak"}
	for range 10 {
		now = now.Add(hostEvery)
		g.guards.host(now, f)
	}
	h := g.status().Checks
	for of, want := range map[string]string{"disk_space": "/data is on a file system that is 97 % full", "temperature": "cpu-thermal has 84 °C, of 80 °C", "supply": f.Supply} {
		if c := h[of]; c.Status != status.Degraded || c.Detail != want {
			t.Errorf("%s: %+v", of, c)
		}
		if n := strings.Count(told.String(), "of="+of); n != 1 {
			t.Errorf("%s is said %d times:\n%s", of, n, &told)
		}
	}
	g.guards.host(now, guard.Figures{CPU: 1, Disks: []guard.Disk{{Path: "/data", Percent: 50}}, Heat: guard.Heat{Part: "cpu-thermal", Celsius: 50, Most: 80}})
	if c := g.status().Checks["supply"]; c.Detail != "" || strings.Count(told.String(), `msg="no longer scarce"`) != 3 {
		t.Errorf("%+v:\n%s", c, &told)
	}
}

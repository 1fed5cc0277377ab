package gateway

import (
	"context"
	"io"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"iot-edge-anomaly/agent/status"
	"iot-edge-anomaly/drivers/driverstest"
)

// TestPanicOfAMachine: a panic while one machine judges costs that machine rows and no
// other; it is counted, the machine is started again after a growing pause, and judges.
func TestPanicOfAMachine(t *testing.T) {
	c := configured(t)
	c.Machines[1].Model = c.Machines[0].Model
	c.Machines[1].Resolved = c.Machines[0].Resolved // both judge the same
	var broken atomic.Bool
	broken.Store(true)
	g, err := New(Options{Config: c, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), scored: func(machine string) {
		if machine == "pump1" && broken.Load() {
			panic("a fault of the program")
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	watch, start := driverstest.WatchStalls(t), time.Now()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx) }()
	until := func(what string, ok func(s *status.Snapshot) bool) {
		t.Helper()
		for end := time.Now().Add(2 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
			s := g.Snapshot()
			if ok(&s) {
				return
			}
			if time.Now().After(end) {
				t.Fatalf("%s: %+v", what, s.Machines)
			}
		}
	}
	until("the panic is not told", func(s *status.Snapshot) bool {
		return s.Machines[0].Panics == 1 && strings.Contains(s.Health().Checks["model"].Detail, "machine pump1 is blind: judging a row: a fault of the program") && s.Stalled == ""
	})
	until("the machine does not start again", func(s *status.Snapshot) bool { return s.Machines[0].Panics == 2 })
	rest := g.Snapshot().Machines[1]
	until("the rows do not go on", func(s *status.Snapshot) bool {
		return s.Machines[1].Scored > rest.Scored+50 && s.Machines[0].Panics >= 2
	})
	broken.Store(false)
	until("it does not judge again", func(s *status.Snapshot) bool {
		return s.Machines[0].Scored > 20 && s.Health().Checks["model"].Detail == ""
	})
	s := g.Snapshot()
	if m := s.Machines[1]; m.Panics != 0 || m.Rows < m.Scored || m.Scored+100 < m.Rows {
		t.Errorf("the other machine: %d panics, %d rows, %d scored", m.Panics, m.Rows, m.Scored)
	}
	stalled := uint64(watch.Between(start, time.Now())/(20*time.Millisecond)) + uint64(watch.Longer(0, start, time.Now()))
	if d := s.Machines[1].Sampling.Dropped; d > stalled {
		t.Errorf("the other machine lost %d rows; the test was stalled for %d", d, stalled)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestRestartPauses: the pause doubles with each panic and begins anew after a calm hour.
func TestRestartPauses(t *testing.T) {
	var r restart
	now := time.Now()
	for i, want := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second} {
		began := now
		for !r.due(now) {
			now = now.Add(time.Second / 10)
		}
		if d := now.Sub(began); d != want {
			t.Errorf("panic %d: started again after %v, want %v", i, d, want)
		}
		r.at, r.last = time.Time{}, now
	}
	for range 20 {
		for !r.due(now) {
			now = now.Add(time.Second)
		}
		r.at, r.last = time.Time{}, now
	}
	if r.pause != restartMost {
		t.Errorf("the pause grows to %v", r.pause)
	}
	now = now.Add(restartCalm)
	if r.due(now); r.pause != restartFirst {
		t.Errorf("after a calm hour the pause is %v", r.pause)
	}
}

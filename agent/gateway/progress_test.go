package gateway

import (
	"testing"
	"time"
)

func TestOneFrozenStageIsNamed(t *testing.T) {
	for frozen := range 4 {
		counters := make([]uint64, 3)
		var stages []stage
		names := []string{"sampling", "scoring", "delivery", ""}
		for i := range counters {
			stages = append(stages, stage{names[i], func() uint64 { return counters[i] }, 5 * time.Second})
		}
		now := time.Now()
		m := newProgressMonitor(now, stages)
		for s := range 60 {
			for i := range counters {
				if i != frozen || s < 20 {
					counters[i]++
				}
			}
			now = now.Add(time.Second)
			want := ""
			if frozen < 3 && s > 19+5 {
				want = names[frozen]
			}
			if got := m.stalled(now, false); got != want {
				t.Fatalf("stage %d frozen at 20 s: at %d s %q stalls, want %q", frozen, s, got, want)
			}
		}
	}
}

func TestRecoversWhenTheStageMovesAgain(t *testing.T) {
	var n uint64
	now := time.Now()
	m := newProgressMonitor(now, []stage{{"sampling", func() uint64 { return n }, time.Second}})
	if got := m.stalled(now.Add(2*time.Second), false); got != "sampling" {
		t.Fatalf("got %q", got)
	}
	n++
	if got := m.stalled(now.Add(3*time.Second), false); got != "" {
		t.Fatalf("still %q after progress", got)
	}
}

// TestExcusedTimeDoesNotCount: a stage that waits for the disk is late only by the time
// in which the disk was not to blame.
func TestExcusedTimeDoesNotCount(t *testing.T) {
	now := time.Now()
	m := newProgressMonitor(now, []stage{{"scoring", func() uint64 { return 0 }, 10 * time.Second}})
	for s := range 100 {
		now = now.Add(time.Second)
		if got := m.stalled(now, s < 90); got != "" {
			t.Fatalf("after %d s, of which 90 are excused: %q", s+1, got)
		}
	}
	if got := m.stalled(now.Add(time.Second), false); got != "scoring" {
		t.Errorf("11 s that count are not late: %q", got)
	}
}

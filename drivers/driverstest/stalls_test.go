package driverstest

import (
	"testing"
	"testing/synctest"
	"time"
)

// A process that gets its CPU has no stalls; what is noted is taken off, no more.
func TestStalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		s := WatchStalls(t)
		time.Sleep(time.Second)
		if d := s.Between(begin, time.Now()); d != 0 {
			t.Errorf("stood still for %v", d)
		}
		at := func(ms int) time.Time { return begin.Add(time.Duration(ms) * time.Millisecond) }
		s.mu.Lock()
		s.note(at(100), at(101))
		s.note(at(200), at(300))
		s.note(at(400), at(450))
		s.mu.Unlock()
		if d, n := s.Between(at(0), at(1000)), s.Longer(60*time.Millisecond, at(0), at(1000)); d != 150*time.Millisecond || n != 1 {
			t.Errorf("%v in all and %d long ones, want 150ms and 1", d, n)
		}
		if d := s.Between(at(250), at(420)); d != 70*time.Millisecond {
			t.Errorf("%v of two halves, want 70ms", d)
		}
		if d := s.Own(begin); d != 850*time.Millisecond {
			t.Errorf("the second took %v, want 850ms", d)
		}
	})
}

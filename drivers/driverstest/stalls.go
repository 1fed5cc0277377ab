package driverstest

import (
	"sync"
	"testing"
	"time"
)

// Stalls records the times in which this process was ready to run but did not get
// the CPU: a goroutine beside the test sleeps for ten milliseconds at a time and
// notes how late it wakes. A test that measures a duration subtracts these times; on
// an idle machine they are zero. It is safe for concurrent use.
type Stalls struct {
	mu   sync.Mutex
	due  time.Time // when the goroutine should wake next
	late []stall
}

// stall is a time in which the goroutine should have run and did not.
type stall struct{ from, to time.Time }

const (
	stallTick  = 10 * time.Millisecond // how long the goroutine sleeps
	stallLeast = time.Millisecond      // lateness that is normal for timer and scheduler
)

// WatchStalls records stalls until the test ends.
func WatchStalls(t testing.TB) *Stalls {
	s := &Stalls{due: time.Now().Add(stallTick)}
	stop, done := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() { close(stop); <-done })
	go func() {
		defer close(done)
		tick := time.NewTimer(stallTick)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
			}
			now := time.Now()
			s.mu.Lock()
			s.note(s.due, now)
			s.due = now.Add(stallTick)
			s.mu.Unlock()
			tick.Reset(stallTick)
		}
	}()
	return s
}

// note records that the goroutine woke late. The caller holds mu.
func (s *Stalls) note(due, woken time.Time) {
	if woken.Sub(due) > stallLeast {
		s.late = append(s.late, stall{due, woken})
	}
}

// Between returns how long the process was stalled between two times.
func (s *Stalls) Between(from, to time.Time) (d time.Duration) {
	s.each(from, to, func(part time.Duration) { d += part })
	return d
}

// Longer counts the stalls of more than d between two times.
func (s *Stalls) Longer(d time.Duration, from, to time.Time) (n int) {
	s.each(from, to, func(part time.Duration) {
		if part > d {
			n++
		}
	})
	return n
}

// Own returns the time since from without the stalls.
func (s *Stalls) Own(from time.Time) time.Duration {
	now := time.Now()
	return now.Sub(from) - s.Between(from, now)
}

// each calls f with the part of every stall that lies between two times. It first
// notes a stall up to now, because the caller may run before the goroutine does.
func (s *Stalls) each(from, to time.Time, f func(part time.Duration)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if s.note(s.due, now); now.After(s.due) {
		s.due = now
	}
	for _, l := range s.late {
		begin, end := l.from, l.to
		if begin.Before(from) {
			begin = from
		}
		if end.After(to) {
			end = to
		}
		if part := end.Sub(begin); part > 0 {
			f(part)
		}
	}
}

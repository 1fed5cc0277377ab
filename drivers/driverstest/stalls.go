package driverstest

import (
	"sync"
	"testing"
	"time"
)

// Stalls notes when this process did not get the CPU that it was ready for: a
// goroutine that sleeps for ten milliseconds at a time, beside the test, looks how
// late it is woken. A test that holds a duration against the machine's clock
// takes off what the machine itself stood still meanwhile; on one that has time
// that is nothing. It is safe for concurrent use.
type Stalls struct {
	mu   sync.Mutex
	due  time.Time // of the next wake
	late []stall
}

// stall is a time in which the goroutine should have run and did not.
type stall struct{ from, to time.Time }

// stallTick is how long the goroutine sleeps, stallLeast what a timer and the
// scheduler need at all times.
const (
	stallTick  = 10 * time.Millisecond
	stallLeast = time.Millisecond
)

// WatchStalls notes stalls until the test ends.
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

// note is called with the lock held.
func (s *Stalls) note(due, woken time.Time) {
	if woken.Sub(due) > stallLeast {
		s.late = append(s.late, stall{due, woken})
	}
}

// Between is how long the process stood still in a span of time.
func (s *Stalls) Between(from, to time.Time) (d time.Duration) {
	s.each(from, to, func(part time.Duration) { d += part })
	return d
}

// Longer counts the stalls of more than d that touch a span of time.
func (s *Stalls) Longer(d time.Duration, from, to time.Time) (n int) {
	s.each(from, to, func(part time.Duration) {
		if part > d {
			n++
		}
	})
	return n
}

// Own is what the time since from took without the stalls.
func (s *Stalls) Own(from time.Time) time.Duration {
	now := time.Now()
	return now.Sub(from) - s.Between(from, now)
}

// each calls f with the part of every stall that lies in the span. Who asks may
// have been woken before the goroutine that takes notes.
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

package clients

import (
	"context"
	"sync"
	"time"
)

// Turns bounds how many answers are under way at once. Where all turns are taken, the
// one that has lasted longest, and long enough, is ended. It is safe for concurrent use.
type Turns struct {
	most int

	mu    sync.Mutex
	taken []*turn // oldest first
}

type turn struct {
	since time.Time
	end   func()
}

// NewTurns returns Turns for at most so many answers at once.
func NewTurns(most int) *Turns { return &Turns{most: most} }

// Take waits for a turn and returns what gives it back. While the turn lasts, end may
// be called, once, by another goroutine; it must not block. Take returns nil if ctx is
// done before.
func (t *Turns) Take(ctx context.Context, end func()) (done func()) {
	mine := &turn{end: end}
	for first := true; !t.take(mine); first = false {
		if first {
			defer during(ctx, queued)()
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(lookAgain):
		}
	}
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.give(mine)
	}
}

func (t *Turns) take(mine *turn) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	mine.since = time.Now()
	if len(t.taken) >= t.most {
		first := t.taken[0]
		if mine.since.Sub(first.since) < turnPatience {
			return false
		}
		first.end()
		t.give(first)
	}
	t.taken = append(t.taken, mine)
	return true
}

// give frees a turn, if it is still taken; mu is held.
func (t *Turns) give(mine *turn) {
	for i, o := range t.taken {
		if o == mine {
			t.taken = append(t.taken[:i], t.taken[i+1:]...)
			return
		}
	}
}

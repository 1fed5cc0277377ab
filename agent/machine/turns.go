package machine

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Turns lets the machines that share it train one after the other, first come, first
// served. So training takes the duty of one machine from the processor, and the memory
// of one, however many machines have collected their rows. It is safe for concurrent
// use; the zero value is ready.
type Turns struct {
	mu    sync.Mutex
	queue []*turn       // the first one trains
	took  time.Duration // of the newest training; 0 = none has ended
}

// turn is one machine's place in the queue.
type turn struct {
	of     *Turns
	begins chan struct{} // closed when it is the first
	since  time.Time     // that it is the first; guarded by mu of Turns, as left
	left   time.Duration // of its training; 0 = unknown
}

// join takes the last place.
func (t *Turns) join() *turn {
	w := &turn{of: t, begins: make(chan struct{})}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.queue = append(t.queue, w)
	t.begin()
	return w
}

// begin tells the first one. The caller holds mu.
func (t *Turns) begin() {
	if len(t.queue) > 0 && t.queue[0].since.IsZero() {
		t.queue[0].since = time.Now()
		close(t.queue[0].begins)
	}
}

// wait returns when w is the first, or with the error of ctx.
func (w *turn) wait(ctx context.Context) error {
	select {
	case <-w.begins:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// leave gives the place up, first or not. whole tells that training has ended by itself.
func (w *turn) leave(whole bool) {
	t := w.of
	t.mu.Lock()
	defer t.mu.Unlock()
	i := slices.Index(t.queue, w)
	if i < 0 {
		return
	}
	if whole {
		t.took = time.Since(w.since)
	}
	t.queue = slices.Delete(t.queue, i, i+1)
	t.begin()
}

// remaining tells how long the training of w still takes.
func (w *turn) remaining(left time.Duration) {
	w.of.mu.Lock()
	w.left = left
	w.of.mu.Unlock()
}

// place is where w stands, from 1 on, of how many, and how long it is until w has
// learnt; left is 0 where that is unknown.
func (w *turn) place() (place, of int, left time.Duration) {
	t := w.of
	t.mu.Lock()
	defer t.mu.Unlock()
	place, of = slices.Index(t.queue, w)+1, len(t.queue)
	if place > 1 && t.took > 0 {
		left = t.queue[0].left + time.Duration(place-1)*t.took
	}
	return place, of, left
}

// ordinal writes 1st, 2nd, 3rd, 4th, 11th and so on.
func ordinal(n int) string {
	ending := "th"
	if n/10%10 != 1 && n%10 < 4 {
		ending = [...]string{"th", "st", "nd", "rd"}[n%10]
	}
	return fmt.Sprintf("%d%s", n, ending)
}

package machine

import (
	"context"
	"errors"
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
	held  bool          // nobody may train
}

// turn is one machine's place in the queue.
type turn struct {
	of     *Turns
	begins chan struct{}           // closed when it may train; guarded by mu of Turns, as all below
	held   context.CancelCauseFunc // of its training; nil = it does not train
	since  time.Time               // that it may train; zero = it may not
	left   time.Duration           // of its training; 0 = unknown
}

// errHeld ends a training that is to begin again when Turns holds it no longer.
var errHeld = errors.New("training gives way")

// Hold keeps all machines from training, or no longer. A training that is under way is
// abandoned; its rows are on disk, and it begins again when it is its turn.
func (t *Turns) Hold(on bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.held = on; !on {
		t.begin()
		return
	}
	if len(t.queue) == 0 || t.queue[0].since.IsZero() {
		return
	}
	w := t.queue[0]
	w.begins, w.since, w.left = make(chan struct{}), time.Time{}, 0
	if w.held != nil {
		w.held(errHeld)
		w.held = nil
	}
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
	if !t.held && len(t.queue) > 0 && t.queue[0].since.IsZero() {
		t.queue[0].since = time.Now()
		close(t.queue[0].begins)
	}
}

// wait returns when w may train, with the context of its training, which errHeld ends; or
// with the error of ctx.
func (w *turn) wait(ctx context.Context) (context.Context, error) {
	for {
		w.of.mu.Lock()
		begins := w.begins
		w.of.mu.Unlock()
		select {
		case <-begins:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		w.of.mu.Lock()
		if w.begins == begins { // nobody has held it meanwhile
			ctx, w.held = context.WithCancelCause(ctx)
			w.of.mu.Unlock()
			return ctx, ctx.Err()
		}
		w.of.mu.Unlock()
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
	if w.held != nil {
		w.held(nil)
	}
	if whole {
		t.took = time.Since(w.since)
	}
	t.queue = slices.Delete(t.queue, i, i+1)
	t.begin()
}

// waits tells whether w is kept from training although it would be its turn.
func (w *turn) waits() bool {
	w.of.mu.Lock()
	defer w.of.mu.Unlock()
	return w.of.held && w.since.IsZero()
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

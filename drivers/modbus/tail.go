package modbus

import (
	"context"
	"fmt"
	"time"

	"iot-edge-anomaly/drivers"
)

// tail is what is known of the registers of a request behind its first one. Some
// devices give only the first register of a request and zeros for the others,
// without an exception. As long as everything behind the first register was zero in
// each answer, the values there are compared with those of requests of their own: at
// the first answer, then in pauses that double.
type tail struct {
	good  bool // it was not zero once: the device gives whole requests
	next  int  // index of the item that is compared next
	due   time.Time
	pause time.Duration
}

const (
	maxCompared   = 16 // items that are compared at once
	comparePause  = time.Minute
	compareLonger = 5 * time.Minute
)

// zeros reports whether all bytes are 0.
func zeros(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// firstOnly reports whether the device gave only the first register of q, whose
// answer is b. It returns b, or a copy if it had to ask for single registers. Unsure
// means that it could not be found out, and never was.
func (d *Dev) firstOnly(ctx context.Context, q *request, b []byte) (whole []byte, only, unsure bool) {
	t, now := &q.tail, time.Now()
	if t.good || q.table.bits() || len(q.items) < 2 || len(b) <= q.width {
		return b, false, false
	}
	if t.good = !zeros(b[q.width:]); t.good || now.Before(t.due) {
		return b, false, false
	}
	whole = d.copied[:copy(d.copied[:], b)]
	for range min(len(q.items), maxCompared) {
		i := q.items[t.next%len(q.items)]
		t.next++
		c := newRequest(d.regs, []int{i}, q.apart)
		if c.at == q.at {
			continue
		}
		if d.client.spent(time.Now()) {
			return whole, false, t.pause == 0
		}
		single, _, err := d.answer(ctx, c)
		if err != nil && !isException(err) {
			return whole, false, t.pause == 0
		}
		if err != nil || zeros(single) {
			continue
		}
		if yes, sure := d.confirmed(ctx, q, c); yes || !sure {
			return whole, yes, t.pause == 0
		}
	}
	t.pause = min(max(2*t.pause, comparePause), compareLonger)
	t.due = now.Add(t.pause)
	return whole, false, false
}

// confirmed reports whether c, which q reads as zero, has a value each time that it is
// read by itself, and q zeros each time. The registers may have risen from zero
// meanwhile, or all be zero now and then, as those of a device that wakes up. Sure is
// false if an answer was missing.
func (d *Dev) confirmed(ctx context.Context, q, c *request) (yes, sure bool) {
	for _, try := range []*request{c, q, q, c} {
		b, doubtful, err := d.answer(ctx, try)
		if err != nil || doubtful {
			return false, false
		}
		if try == q && !zeros(b[q.width:]) {
			q.tail.good = true
			return false, true
		}
		if try == c && zeros(b) {
			return false, true
		}
	}
	return true, true
}

// untold is the error of zeros that may not be the device's values.
func (d *Dev) untold(q *request) *drivers.PartError {
	part := d.part(q, fmt.Errorf("%w: %v: all registers behind the first are zero, and no single one was answered: the device may give only the first of a request", ErrFrame, q))
	part.Doubtful = true
	return part
}

// single makes requests of single registers from now on: from the next cycle by the
// plan, in this one for the items of q.
func (d *Dev) single(ctx context.Context, q *request, dst []float64) error {
	d.rules.alone, d.opts.Alone, d.replan = true, true, true
	for i := range d.regs {
		d.regs[i].joint = d.rules.joins(&d.regs[i])
	}
	for _, p := range d.rules.join(d.regs, q.items, q.apart) {
		if end := d.note(p, d.fetch(ctx, p, dst)); end != nil {
			return end
		}
	}
	return nil
}

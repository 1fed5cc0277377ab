package modbus

import (
	"context"
	"fmt"
	"time"
)

// fetch makes one request and stores its values in dst. A channel without a value
// adds an error to the cycle but does not fail the request.
func (d *Dev) fetch(ctx context.Context, q *request, dst []float64) error {
	if place, has := d.further(q); has {
		return d.fetchApart(ctx, q, place, dst)
	}
	b, doubtful, err := d.answer(ctx, q)
	if err != nil {
		return err
	}
	now := time.Now()
	b, only, unsure := d.firstOnly(ctx, q, b)
	if only {
		return d.single(ctx, q, dst)
	}
	if unsure {
		d.errs = append(d.errs, d.untold(q))
	}
	if doubtful {
		d.errs = append(d.errs, d.doubt(q))
	}
	for _, i := range q.items {
		power, _ := d.regs[i].powerIn(q, b)
		d.store(q, i, b, now, power, dst)
	}
	return nil
}

// answer makes one request and notes whether the unit has answered. Doubtful means
// that the answer may be that to an earlier request.
func (d *Dev) answer(ctx context.Context, q *request) (b []byte, doubtful bool, err error) {
	b, err = d.inStep(ctx, q)
	if b != nil || err != nil {
		return b, false, err
	}
	b, doubtful, err = d.ask(ctx, q)
	doubtful = doubtful || d.client.line.sequence.unknown()
	if err == nil && doubtful && d.canaries.mute.fails == 0 { // the unit is back, or an answer got lost meanwhile
		if b, err = d.inStep(ctx, q); b != nil {
			return b, false, nil
		}
		if err == nil {
			b, doubtful, err = d.ask(ctx, q)
			doubtful = doubtful || d.client.line.sequence.unknown()
		}
	}
	d.answered = d.answered || err == nil || !isSilence(err) && isException(err)
	return b, doubtful, err
}

// store decodes an item from the answer to q. A channel without a value adds an
// error to the cycle.
func (d *Dev) store(q *request, item int, b []byte, now time.Time, power int, dst []float64) {
	r := &d.regs[item]
	v, err := r.decode(b, q.at, now, power)
	if item == len(dst) {
		d.validity.take(d.opts.Valid, v, err)
		return
	}
	if dst[item] = v; err != nil {
		d.errs = append(d.errs, fmt.Errorf("%v: %w", *r, err))
	}
}

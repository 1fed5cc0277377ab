package modbus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"iot-edge-anomaly/drivers"
)

// canaries is what a Dev knows of its own canaries.
type canaries struct {
	turn int     // since the last proof: each attempt begins with another one
	mute breaker // opens if they remain without any answer
	dead bool    // the newest request was not answered either
}

// heard notes whether a request other than a canary was answered. A device that was
// dead and is back may well answer canaries.
func (c *canaries) heard(answered bool) {
	if answered && c.dead {
		c.mute.ok()
	}
	c.dead = !answered
}

// Pauses between canaries that remain without an answer: a device may ignore
// requests for what it does not have.
const (
	canaryPause    = 10 * time.Second
	maxCanaryPause = 10 * time.Minute
)

// ask makes one request and notes whether it may still be answered. Doubtful means
// that the answer may be that to an earlier request.
func (d *Dev) ask(ctx context.Context, q *request) (b []byte, doubtful bool, err error) {
	s, late := d.client.line.sequence, d.client.line.late
	doubtful = s.doubted(q.kind())
	n := s.begin()
	b, err = d.client.read(ctx, q.table, uint16(q.at), uint16(q.n), q.width)
	if err == nil {
		q.proven = true
	}
	silent := d.client.silent
	switch {
	case s != nil:
		err = d.otherRefusal(q, err)
		if silent == nil && !doubtful {
			doubtful = s.doubted(q.kind()) // another connection may have lost an answer meanwhile
		}
		d.canaries.heard(err == nil)
		if d.settle(openRequest{answerKind: q.kind(), refusable: !q.proven, number: n}, err, silent) {
			err = fmt.Errorf("%w: the gateway gives the answer to an earlier request: %w", drivers.ErrBus, err)
		}
	case silent != nil && late.misshapen(d.unit, silent):
		if d.suspicious(ctx, silent) {
			d.misfit = true
			d.client.line.others.suspect(time.Now())
			late.expect(d, q, time.Now(), silent)
		}
	case silent != nil:
		late.expect(d, q, time.Now(), silent)
	case err == nil:
		late.answered(d.unit)
		if len(d.had) == 0 {
			d.heard, _ = d.client.line.others.heard(d.unit)
		}
		d.had = append(d.had, q.kind())
	}
	return b, doubtful, err
}

// settle notes how a request over TCP ended. It reports whether the answer was that
// to an earlier request.
func (d *Dev) settle(q openRequest, err, silent error) (late bool) {
	s := d.client.line.sequence
	q.at = time.Now()
	switch kind, other := kindIn(err); {
	case other:
		d.client.line.count(&d.client.line.stats.Unmatched)
		return s.displaced(q, kind, 1+d.client.repeats)
	case silent != nil:
		s.missed(q, 1+d.client.repeats, d.lateness(silent), errors.Is(silent, ErrTimeout))
	case err != nil && !isException(err):
	case err == nil && s.ambiguous(q.answerKind):
		s.displaced(q, q.answerKind, 1+d.client.repeats)
	default:
		s.proven(q.number)
	}
	return false
}

// lateness is how late the answers to earlier requests may still be when a request
// has ended with silence: the gateway had no earlier answer to give in its place. A
// connection that was closed does not tell that.
func (d *Dev) lateness(silent error) time.Duration {
	if errors.Is(silent, ErrTimeout) || isException(silent) {
		return lateTimeouts * d.client.timeout()
	}
	return 0
}

// kindIn is the kind of the answer that was received in place of the right one.
func kindIn(err error) (k answerKind, other bool) {
	if err == nil {
		return k, false
	}
	var o outOfStep // declared here because it escapes to the heap
	other = errors.As(err, &o)
	return o.got, other
}

// maxCanaries is how many canaries a cycle may ask before it gives up. Each of them
// takes at most one late answer out of the gateway.
const maxCanaries = 4

// inStep makes sure that the answer to q cannot be mistaken for the answer to an
// earlier request. If it could be, a canary is asked first: a request whose answer
// has another function or size than those that may still come. Its answer proves
// that the gateway is in step. If it holds the registers of q it is returned: then q
// need not be asked. Nil and no error mean that q may be asked; if there is no canary,
// its values are doubtful.
func (d *Dev) inStep(ctx context.Context, q *request) ([]byte, error) {
	s, half := d.client.line.sequence, false
	if s.unknown() {
		if err := d.begin(ctx, q); err != nil {
			return nil, err
		}
	}
	for range maxCanaries {
		if !s.doubted(q.kind()) {
			return nil, nil
		}
		c := d.canary(q)
		if c == nil {
			return nil, nil
		}
		start := time.Now()
		b, err := d.askCanary(ctx, c)
		if c.holds(q) {
			if b != nil {
				q.wider.ok()
			} else if !isOutOfStep(err) {
				q.wider.fail(start, time.Now(), err, canaryPause, maxCanaryPause)
			}
		}
		switch {
		case err == nil:
			d.answered, d.canaries.turn = true, 0
			d.canaries.mute.ok()
			if half = !s.confirm(c.kind()); half {
				continue
			}
			if b != nil && c.holds(q) && !s.doubted(c.kind()) {
				return b[:q.size()], nil
			}
			return nil, nil
		case isOutOfStep(err), half && isSilence(err): // the unit has just answered
			half = false
			continue
		case isSilence(err):
			d.canaries.mute.fail(start, time.Now(), err, canaryPause, maxCanaryPause)
		}
		return nil, err
	}
	if !s.doubted(q.kind()) {
		return nil, nil
	}
	return nil, fmt.Errorf("%w: the gateway gives the answers to earlier requests, restart it: %w", drivers.ErrBus, ErrFrame)
}

// begin asks a canary before the first request of a line, if there is one: the gateway
// may have been behind before. Another answer is an error, and the next cycle tries
// another canary. A device that answers none of a few is believed; until then its values
// are doubtful.
func (d *Dev) begin(ctx context.Context, q *request) error {
	s := d.client.line.sequence
	c := d.canary(q)
	if c == nil {
		s.begins()
		return nil
	}
	open := openRequest{answerKind: c.kind(), refusable: true, number: s.begin()}
	_, err := d.client.read(ctx, c.table, uint16(c.at), uint16(c.n), c.width)
	err = d.otherRefusal(c, err)
	if d.client.silent != nil { // it may still be answered
		open.at = time.Now()
		s.missed(open, 1+d.client.repeats, 0, true)
	}
	switch refused := isException(err) && !isSilence(err); {
	case isOutOfStep(err):
		d.client.line.count(&d.client.line.stats.Unmatched)
		return fmt.Errorf("%w to %v, before anything else was asked: if that is not how the device answers, the gateway is behind, restart it", err, c)
	case err == nil, refused:
		d.answered, d.canaries.turn = true, 0
	case !isSilence(err):
		return err
	case !s.ignored():
		return nil
	}
	s.begins()
	return nil
}

// holds reports whether an answer to q begins with that to other.
func (q *request) holds(other *request) bool {
	return q.table == other.table && q.width == other.width && q.at == other.at && q.n >= other.n
}

// askCanary asks a canary. No error means that the answer was its own; without data it
// is a refusal.
func (d *Dev) askCanary(ctx context.Context, c *request) ([]byte, error) {
	s := d.client.line.sequence
	q := openRequest{answerKind: c.kind(), refusable: !c.proven, number: s.begin()}
	b, err := d.client.read(ctx, c.table, uint16(c.at), uint16(c.n), c.width)
	err = d.otherRefusal(c, err)
	d.settle(q, err, d.client.silent)
	if isException(err) && !isSilence(err) {
		return nil, nil
	}
	return b, err
}

// otherRefusal returns err, the error of request q. If it is an exception that may
// belong to an earlier request, it is made an outOfStep.
func (d *Dev) otherRefusal(q *request, err error) error {
	refused := answerKind{table: q.table}
	if err == nil || !isException(err) || isSilence(err) || !d.client.line.sequence.ambiguous(refused) {
		return err
	}
	return outOfStep{fmt.Errorf("%w: %v, perhaps to an earlier one", ErrFrame, err), refused}
}

// canary returns a request whose answer differs from all that may still come, nil
// if there is none or if the device has ignored them lately.
func (d *Dev) canary(q *request) *request {
	s := d.client.line.sequence
	s.mu.Lock()
	proof := s.proof
	s.mu.Unlock()
	var sure, perhaps []*request
	for _, c := range d.candidates(q) {
		refused := answerKind{table: c.table}
		switch {
		case s.ambiguous(c.kind()), c.kind() == proof:
		case c.proven || !s.ambiguous(refused):
			sure = append(sure, c)
		default:
			perhaps = append(perhaps, c) // tells if it is answered with data
		}
	}
	fit := sure
	if fit == nil {
		fit = perhaps
	}
	now := time.Now()
	if len(fit) == 0 || !d.canaries.mute.ready(now) {
		return nil
	}
	if q.wider.ready(now) && !s.unknown() { // first those that spare the request itself
		slices.SortStableFunc(fit, func(a, b *request) int { return rank(a, q) - rank(b, q) })
	}
	d.canaries.turn++
	return fit[(d.canaries.turn-1)%len(fit)]
}

// rank is 0 for canaries that hold q and 1 for others.
func rank(c, q *request) int {
	if c.holds(q) {
		return 0
	}
	return 1
}

// candidates are the requests that may serve as canaries before q, whatever may still
// come: first those of the plan, which the device is known to answer; then a part of
// q, q with a few registers more, and the same address in the other table.
func (d *Dev) candidates(q *request) (out []*request) {
	for _, p := range d.plan {
		if p.proven && p.kind() != q.kind() {
			out = append(out, p)
		}
	}
	step := 1
	if q.table.bits() {
		step = 8
	}
	add := func(t Table, n int) {
		c := Range{t, uint16(q.at), uint16(q.at + n - 1)}
		for _, never := range d.opts.NeverRead {
			if never.overlaps(t, q.at, q.at+n) {
				return
			}
		}
		if n > 0 && int(c.First)+n <= 1<<16 && n <= t.limit(q.width) && (t.bits() || n <= d.limit) {
			out = append(out, &request{table: t, width: q.width, at: q.at, n: n})
		}
	}
	add(q.table, q.n-step)
	for more := step; more <= 5*step; more += step {
		if !d.opts.Alone {
			add(q.table, q.n+more)
		}
		add(q.table.other(), more)
	}
	return out
}

// sure makes a request whose answer decides about other values. A doubtful one is an
// error.
func (d *Dev) sure(ctx context.Context, q *request) ([]byte, error) {
	b, doubtful, err := d.answer(ctx, q)
	if err == nil && doubtful {
		return nil, d.doubt(q).Err
	}
	return b, err
}

// doubt is the error of values that may be those of an earlier request.
func (d *Dev) doubt(q *request) *drivers.PartError {
	d.client.line.count(&d.client.line.stats.Unmatched)
	part := d.part(q, fmt.Errorf("%w: %v: after a request without an answer the gateway may be one answer behind, and the device answers no request that would tell", drivers.ErrBus, q))
	part.Doubtful = true
	return part
}

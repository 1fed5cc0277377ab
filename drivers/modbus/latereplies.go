package modbus

import (
	"cmp"
	"fmt"
	"sync"
	"time"
)

// lateReplies knows which answers may still arrive on a serial line after their
// requests have timed out. An RTU answer carries no transaction id: only its
// unit, function and size tell which request it belongs to. So no request is
// made whose answer would look like one that may still arrive. Without this rule
// a device that always answers after the timeout would deliver, for each
// register, the value of the register that was asked for before it.
//
// A nil *lateReplies expects none: over TCP that is what a sequence is for. It is safe
// for concurrent use.
type lateReplies struct {
	mu      sync.Mutex
	pending map[replyKind]lateReply
	periods map[uint8]map[*Dev]time.Duration // by unit: how often each of its sensors is read
}

// replyKind is all that identifies an answer on a serial line.
type replyKind struct {
	unit uint8
	answerKind
}

// lateReply is until when an answer may arrive, and the error of its request.
type lateReply struct {
	until time.Time
	cause error
}

const (
	// lateTimeouts is how many timeouts after its request began an answer may
	// still arrive.
	lateTimeouts = 4
	// latePeriods bounds that wait in periods of a sensor whose unit answered
	// before. The agent reports a fault after three failed readings in a row, and
	// one lost answer must not become a fault.
	latePeriods = 1.9
)

func newLateReplies() *lateReplies {
	return &lateReplies{pending: map[replyKind]lateReply{}, periods: map[uint8]map[*Dev]time.Duration{}}
}

// reads notes that a cycle of d begins.
func (l *lateReplies) reads(d *Dev, now time.Time) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.periods[d.unit] == nil {
		l.periods[d.unit] = map[*Dev]time.Duration{}
	}
	if !d.begun.IsZero() { // after a cycle that began late, the next period is short
		last := d.every
		d.every = now.Sub(d.begun)
		l.periods[d.unit][d] = min(d.every, cmp.Or(last, d.every))
	}
	d.begun = now
}

// expect notes that a request has timed out now and may still be answered.
func (l *lateReplies) expect(d *Dev, q *request, now time.Time, cause error) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	until := now.Add((lateTimeouts - 1) * d.client.timeout())
	if d.silence.fails == 0 { // otherwise the sensor is at fault already
		for _, period := range l.periods[d.unit] {
			if t := d.begun.Add(time.Duration(latePeriods * float64(period))); t.Before(until) {
				until = t
			}
		}
	}
	l.pending[d.replyTo(q)] = lateReply{until, cause}
}

// answered notes an answer of a unit. A unit answers requests in order, so it
// sends none of the earlier answers any more.
func (l *lateReplies) answered(unit uint8) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for kind := range l.pending {
		if kind.unit == unit {
			delete(l.pending, kind)
		}
	}
}

// misshapen reports whether an error is about an answer of the unit that belongs to
// no earlier request. Then it was the answer to this one, with a wrong byte count.
func (l *lateReplies) misshapen(unit uint8, err error) bool {
	kind, other := kindIn(err)
	return other && !l.expects(unit, kind)
}

// expects reports whether a late answer of a unit may be of this kind.
func (l *lateReplies) expects(unit uint8, kind answerKind) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, late := l.pending[replyKind{unit, kind}]
	return late
}

// confusable is an error if the answer to q could not be told from a late one,
// so that q must not be sent now; else nil.
func (l *lateReplies) confusable(d *Dev, q *request, now time.Time) error {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	late := l.pending[d.replyTo(q)]
	if !now.Before(late.until) {
		return nil
	}
	return fmt.Errorf("a late answer may come, next try in %v: %w", late.until.Sub(now).Round(time.Millisecond), late.cause)
}

func (d *Dev) replyTo(q *request) replyKind {
	return replyKind{d.unit, q.kind()}
}

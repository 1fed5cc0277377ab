package modbus

import (
	"cmp"
	"context"
	"fmt"
	"time"
)

// owed are answers that units on a line may still send to requests which have
// timed out. Where an answer carries no transaction, only its unit, function and
// size tell what it answers; so no request is made whose answer would have those
// of one that is owed. Without this a device that always answers later than its
// timeout is read as if each register were the one asked for before. It is
// guarded by silences.mu; nil on lines whose answers carry a transaction.
type owed struct {
	answers map[answer]debtor
	every   map[uint8]map[*Dev]time.Duration // by unit: how often each of its sensors is read
}

// answer is all that can be told of one on a serial line.
type answer struct {
	unit  uint8
	table Table
	size  int // bytes of data
}

// debtor is until when an answer may come, and what was seen of it.
type debtor struct {
	until time.Time
	cause error
}

// doubtful is after how many timeouts of its request an answer is not expected
// any more, and patient how many readings of a sensor the wait for it takes at
// most: three failed ones in a row are a fault, and one lost answer must be none.
const (
	doubtful = 4
	patient  = 1.9 // of a unit that was well before
)

func newOwed() *owed {
	return &owed{map[answer]debtor{}, map[uint8]map[*Dev]time.Duration{}}
}

// reads notes when a sensor's cycle begins.
func (s *silences) reads(d *Dev, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.owed == nil {
		return
	}
	if s.owed.every[d.unit] == nil {
		s.owed.every[d.unit] = map[*Dev]time.Duration{}
	}
	if !d.begun.IsZero() { // one that was late is followed by a short one
		last := d.every
		d.every = now.Sub(d.begun)
		s.owed.every[d.unit][d] = min(d.every, cmp.Or(last, d.every))
	}
	d.begun = now
}

// owe notes that a request of a cycle has timed out now.
func (s *silences) owe(d *Dev, q *request, now time.Time, cause error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.owed == nil {
		return
	}
	until := now.Add((doubtful - 1) * d.client.timeout())
	if d.silence.fails == 0 { // else it is a fault as it is
		for _, every := range s.owed.every[d.unit] {
			if t := d.begun.Add(time.Duration(patient * float64(every))); t.Before(until) {
				until = t
			}
		}
	}
	s.owed.answers[d.answerTo(q)] = debtor{until, cause}
}

// paid notes an answer of a unit: it answers in the order in which it was asked,
// so what it owed will not come any more.
func (s *silences) paid(unit uint8) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.owed == nil {
		return
	}
	for a := range s.owed.answers {
		if a.unit == unit {
			delete(s.owed.answers, a)
		}
	}
}

// confusable is the error of not making a request now, since its answer could
// not be told from one that is owed; nil if it could.
func (s *silences) confusable(d *Dev, q *request, now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.owed == nil {
		return nil
	}
	o := s.owed.answers[d.answerTo(q)]
	if !now.Before(o.until) {
		return nil
	}
	return fmt.Errorf("a late answer may come, next try in %v: %w", o.until.Sub(now).Round(time.Millisecond), o.cause)
}

// ask makes one request and notes what the unit owes then.
func (d *Dev) ask(ctx context.Context, q *request) ([]byte, error) {
	b, err := d.client.read(ctx, q.table, uint16(q.at), uint16(q.n))
	if silent := d.client.silent; silent != nil {
		d.client.line.silences.owe(d, q, time.Now(), silent)
	} else if err == nil {
		d.client.line.silences.paid(d.unit)
	}
	return b, err
}

func (d *Dev) answerTo(q *request) answer {
	size := 2 * q.n
	if q.table.bits() {
		size = (q.n + 7) / 8
	}
	return answer{d.unit, q.table, size}
}

package detect

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"iot-edge-anomaly/model"
)

var errDriftState = errors.New("no state of this machine's drift")

// AppendState appends what RestoreState continues from, little-endian: what is
// known of the level and when the blocks began, then the model.Drift's state. An
// open event is not in it: who reported it knows it (Resume).
func (w *DriftWatch) AppendState(b []byte) []byte {
	count := func(n int) { b = binary.LittleEndian.AppendUint32(b, uint32(min(n, math.MaxInt32))) }
	number := func(v float64) { b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v)) }
	moment := func(t time.Time) { b = binary.LittleEndian.AppendUint64(b, uint64(stamp(t))) }
	count(w.over)
	count(w.calm)
	moment(w.calmAt)
	number(w.shift.each.Seconds())
	number(w.shift.base)
	count(w.shift.have)
	moment(w.clock.last)
	number(w.shift.ran.Seconds())
	for _, p := range append(w.shift.parts[:w.shift.have:w.shift.have], w.shift.under) {
		moment(p.at)
		count(p.n)
		count(p.loud)
		number(p.sum)
		number(p.most)
	}
	count(len(w.begins))
	for _, t := range w.begins {
		moment(t)
	}
	moment(w.begin)
	if w.model != nil {
		b = w.model.AppendState(b)
	}
	return b
}

// stamp is a time in milliseconds since 1970; 0 where the wall clock was not set.
func stamp(t time.Time) int64 {
	if t.Year() < firstYear {
		return 0
	}
	return t.UnixMilli()
}

// reader takes a state apart; short is set once it ends too early.
type reader struct {
	b     []byte
	short bool
}

func (r *reader) take(n int) []byte {
	if len(r.b) < n {
		r.short = true
		return make([]byte, n)
	}
	v := r.b[:n]
	r.b = r.b[n:]
	return v
}

func (r *reader) count(most int) int {
	n := int(int32(binary.LittleEndian.Uint32(r.take(4))))
	if n < 0 || n > most {
		r.short = true
		return 0
	}
	return n
}

func (r *reader) number() float64 {
	v := math.Float64frombits(binary.LittleEndian.Uint64(r.take(8)))
	if !(v >= 0 && v <= math.MaxFloat64) {
		r.short = true
	}
	return v
}

func (r *reader) part() part {
	return part{at: r.moment(), n: r.count(math.MaxInt32), loud: r.count(math.MaxInt32), sum: r.number(), most: r.number()}
}

func (r *reader) moment() time.Time {
	ms := int64(binary.LittleEndian.Uint64(r.take(8)))
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// RestoreState takes over what AppendState wrote of a watch of the same model.
// With an error the watch is as it was.
func (w *DriftWatch) RestoreState(b []byte) error {
	r := reader{b: b}
	next := DriftWatch{over: r.count(math.MaxInt32), calm: r.count(math.MaxInt32), calmAt: r.moment(), shift: w.shift}
	s := &next.shift
	s.forget()
	each := r.number()
	s.base, s.have = r.number(), r.count(shiftParts)
	next.clock.last = r.moment()
	next.clock.begun = !next.clock.last.IsZero()
	s.ran = time.Duration(min(r.number(), s.each.Seconds()) * float64(time.Second))
	for i := range s.have {
		s.parts[i] = r.part()
		r.short = r.short || s.parts[i].n == 0
	}
	s.under = r.part()
	next.begins = make([]time.Time, r.count(model.DriftBlocks))
	for i := range next.begins {
		next.begins[i] = r.moment()
	}
	next.begin = r.moment()
	if r.short || s.base < 1 || w.model == nil && len(r.b) > 0 {
		return fmt.Errorf("%d bytes: %w", len(b), errDriftState)
	}
	if w.model != nil {
		if err := w.model.RestoreState(r.b); err != nil {
			return err
		}
	}
	if each != s.each.Seconds() { // configured otherwise since
		s.forget()
	}
	if s.each == 0 {
		s.base = 1
	}
	w.over, w.calm, w.calmAt, w.clock, w.shift, w.begins, w.begin = next.over, next.calm, next.calmAt, next.clock, next.shift, next.begins, next.begin
	return nil
}

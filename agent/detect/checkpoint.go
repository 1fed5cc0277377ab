package detect

import (
	"math"
	"time"

	"iot-edge-anomaly/model"
	"iot-edge-anomaly/model/checkpoint"
)

// The Checkpoint methods save or restore what later events depend on. A state
// fits a value of the same model and the same policy only; which ones it belongs
// to is for the caller to know. After an error of the Coder the value must be
// made anew.

// maxList bounds the lists of a state: the channels of a machine.
const maxList = 1 << 16

// Checkpoint saves or restores the Detector.
func (d *Detector) Checkpoint(c *checkpoint.Coder) {
	d.clock.checkpoint(c)
	d.history.checkpoint(c)
	d.episode.checkpoint(c)
	d.last.checkpoint(c)
	c.Float64(&d.score)
	c.Int(&d.term, -1, model.Terms-1)
	c.Bool(&d.flickers)
	c.Float64s(d.values)
	c.Float64s(d.expected)
	c.Bool(&d.calm)
	c.Duration(&d.calmFor)
	c.Time(&d.calmAt)
	c.Duration(&d.told)
	c.Duration(&d.pause)
	c.Duration(&d.elapsed)
	for i := range d.cools.until {
		durations(c, d.cools.until[i][:])
	}
	durations(c, d.repeats.ended)
	durations(c, d.repeats.pause)
	c.Ints(d.repeats.times, 0, math.MaxInt32)
	c.Duration(&d.began)
	c.Duration(&d.hold)
	c.Bool(&d.resting)
	c.String(&d.restReason)
}

func durations(c *checkpoint.Coder, v []time.Duration) {
	for i := range v {
		c.Duration(&v[i])
	}
}

func (s *stepper) checkpoint(c *checkpoint.Coder) {
	c.Time(&s.last)
	c.Bool(&s.begun)
	s.begun = s.begun && !s.last.IsZero()
}

func (h *history) checkpoint(c *checkpoint.Coder) {
	c.Int(&h.next, 0, len(h.rows)-1)
	c.Int(&h.have, 0, len(h.rows))
	for i := range h.rows {
		c.Time(&h.rows[i].at)
		c.Float64(&h.rows[i].score)
		c.Bool(&h.rows[i].loud)
	}
	c.Float64s(h.parts)
	h.loud = 0
	for i := range h.have {
		if h.rows[(h.next-1-i+2*len(h.rows))%len(h.rows)].loud {
			h.loud++
		}
	}
}

func (e *episode) checkpoint(c *checkpoint.Coder) {
	c.Bool(&e.on)
	c.Bool(&e.announced)
	c.Time(&e.since)
	c.Float64(&e.peak)
	c.Float64s(e.sum)
	c.Float64(&e.rest)
	c.Duration(&e.age)
}

func (ev *Event) checkpoint(c *checkpoint.Coder) {
	for _, s := range []*string{&ev.Machine, (*string)(&ev.Kind), &ev.Key, (*string)(&ev.State), (*string)(&ev.Severity), &ev.Reason} {
		c.String(s)
	}
	for _, t := range []*time.Time{&ev.Time, &ev.Since, &ev.Until} {
		c.Time(t)
	}
	for _, v := range []*float64{&ev.Score, &ev.Peak, &ev.Percentile} {
		c.Float64(v)
	}
	c.Strings(&ev.Missing, maxList)
	causes(c, &ev.Causes)
}

func causes(c *checkpoint.Coder, list *[]Cause) {
	n := c.Count(len(*list), maxList)
	if c.Reading() {
		*list = nil
	}
	for i := range n {
		if c.Reading() {
			if c.Err() != nil {
				return
			}
			*list = append(*list, Cause{})
		}
		k := &(*list)[i]
		c.String(&k.Channel)
		c.String(&k.Unit)
		c.String(&k.Direction)
		c.Float64(&k.Share)
		c.Float64(&k.Value)
		c.Float64(&k.Expected)
	}
}

// Checkpoint saves or restores the Limits.
func (l *Limits) Checkpoint(c *checkpoint.Coder) {
	l.clock.checkpoint(c)
	for i := range l.watches {
		l.watches[i].checkpoint(c)
	}
}

func (w *watch) checkpoint(c *checkpoint.Coder) {
	for i := range w.rows {
		c.Time(&w.rows[i].at)
		c.Int(&w.rows[i].level, 0, 2)
		c.Float64(&w.rows[i].score)
	}
	c.Int(&w.next, 0, limitM-1)
	for _, b := range []*bool{&w.open, &w.calm, &w.lost} {
		c.Bool(b)
	}
	for _, t := range []*time.Time{&w.since, &w.calmAt, &w.waits} {
		c.Time(t)
	}
	for _, v := range []*float64{&w.value, &w.score, &w.peak, &w.crossed} {
		c.Float64(v)
	}
	for _, s := range []*string{(*string)(&w.severity), (*string)(&w.rested), &w.direction} {
		c.String(s)
	}
	for _, d := range []*time.Duration{&w.calmFor, &w.lostFor, &w.rest} {
		c.Duration(d)
	}
}

// Checkpoint saves or restores the Latch; a nil Latch has no state.
func (l *Latch) Checkpoint(c *checkpoint.Coder) {
	if l == nil {
		return
	}
	l.clock.checkpoint(c)
	n := c.Count(len(l.held), maxList)
	if c.Reading() {
		l.held = nil
	}
	for i := range n {
		if c.Reading() {
			if c.Err() != nil {
				return
			}
			l.held = append(l.held, latched{})
		}
		h := &l.held[i]
		h.end.checkpoint(c)
		c.Bool(&h.over)
		c.Duration(&h.age)
	}
}

// CheckpointStatistics saves or restores what is known of the level and of the
// channels' distributions, but not the open event. A level that was followed for
// another DriftAfter than today's is followed anew.
func (w *DriftWatch) CheckpointStatistics(c *checkpoint.Coder) {
	c.Int(&w.over, 0, math.MaxInt32)
	c.Int(&w.calm, 0, math.MaxInt32)
	c.Time(&w.calmAt)
	w.clock.checkpoint(c)
	w.shift.checkpoint(c)
	n := c.Count(len(w.begins), model.DriftBlocks)
	if c.Reading() {
		w.begins = make([]time.Time, n, model.DriftBlocks)
	}
	for i := range w.begins {
		c.Time(&w.begins[i])
	}
	c.Time(&w.begin)
	w.model.Checkpoint(c)
}

func (s *shift) checkpoint(c *checkpoint.Coder) {
	each := s.each
	c.Duration(&each)
	c.Float64(&s.base)
	c.Int(&s.have, 0, shiftParts)
	c.Duration(&s.ran)
	for i := range s.parts {
		s.parts[i].checkpoint(c)
		if i < s.have && s.parts[i].n == 0 {
			c.Fail()
		}
	}
	s.under.checkpoint(c)
	switch {
	case !(s.base >= 1) || math.IsInf(s.base, 0):
		c.Fail()
		s.base = 1
	case each != s.each:
		s.forget()
	}
	if s.each == 0 {
		s.base = 1
	}
}

func (p *part) checkpoint(c *checkpoint.Coder) {
	c.Time(&p.at)
	c.Int(&p.n, 0, math.MaxInt32)
	c.Int(&p.loud, 0, math.MaxInt32)
	c.Int(&p.calm, 0, math.MaxInt32)
	c.Float64(&p.sum)
	c.Float64(&p.most)
}

// CheckpointEvent saves or restores the open event.
func (w *DriftWatch) CheckpointEvent(c *checkpoint.Coder) {
	c.Bool(&w.open)
	w.last.checkpoint(c)
	causes(c, &w.moved)
	c.Float64(&w.peak)
	for i := range w.blamed {
		c.Bool(&w.blamed[i])
	}
}

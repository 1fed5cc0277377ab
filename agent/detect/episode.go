package detect

import (
	"math"
	"time"

	"iot-edge-anomaly/model"
)

// maxWeight bounds the weight of one row, which is reached at a score of 10. One
// wild reading must not outweigh all other rows of an event.
const maxWeight = 100

// history holds the last M scored rows: the time of each, whether its score exceeded
// 1, and what it adds to the causes.
type history struct {
	rows  []past
	parts []float64 // (M, C)
	next  int       // where the next row goes
	have  int
	loud  int // how many of them exceeded
}

type past struct {
	at    time.Time
	score float64
	loud  bool
}

func newHistory(m, channels int) history {
	return history{rows: make([]past, m), parts: make([]float64, m*channels)}
}

func (h *history) clear() { h.next, h.have, h.loud = 0, 0, 0 }

// push takes the newest row and returns its parts, to be filled in.
func (h *history) push(p past) []float64 {
	if h.have == len(h.rows) {
		if h.rows[h.next].loud {
			h.loud--
		}
	} else {
		h.have++
	}
	if p.loud {
		h.loud++
	}
	h.rows[h.next] = p
	channels := len(h.parts) / len(h.rows)
	parts := h.parts[h.next*channels : (h.next+1)*channels]
	h.next = (h.next + 1) % len(h.rows)
	return parts
}

// each calls f for the rows from the first exceedance on, oldest first.
func (h *history) each(f func(p past, parts []float64)) {
	channels := len(h.parts) / len(h.rows)
	began := false
	for i := range h.have {
		k := (h.next - h.have + i + len(h.rows)) % len(h.rows)
		if began = began || h.rows[k].loud; began {
			f(h.rows[k], h.parts[k*channels:(k+1)*channels])
		}
	}
}

// fillParts sets parts to what the row adds to the cause of each channel; a quiet
// row adds nothing.
func fillParts(parts []float64, s model.Score, score, quiet float64) {
	clear(parts)
	if score < quiet {
		return
	}
	weight := min(float64(score*score), maxWeight)
	for i := range min(len(parts), len(s.Shares)) {
		if share := float64(s.Shares[i]); share > 0 && share <= 1 {
			parts[i] = float64(share * weight)
		}
	}
}

// episode is an anomaly from its first exceedance to its end, announced or
// not.
type episode struct {
	on        bool
	announced bool
	since     time.Time
	peak      float64
	sum       []float64 // (C) causes so far
	rest      float64   // weight of causes that a resumed event does not list
	age       time.Duration
}

// causesHalf is the time after which the contribution of a row to the causes counts
// half, so that an event that lasts for days names who is to blame now.
const causesHalf = 10 * time.Minute

// grow ages the causes by a step of time.
func (e *episode) grow(step time.Duration) {
	if !e.on {
		return
	}
	for e.age = grow(e.age, step); e.age >= causesHalf; e.age -= causesHalf {
		for i := range e.sum {
			e.sum[i] /= 2
		}
		if e.rest /= 2; e.age > 100*causesHalf { // what is left is negligible
			e.age = 0
			break
		}
	}
}

// begin starts an episode with the rows of h.
func (e *episode) begin(h *history) {
	e.on, e.announced, e.rest, e.age, e.peak = true, false, 0, 0, math.Inf(-1)
	clear(e.sum)
	first := true
	h.each(func(p past, parts []float64) {
		if first {
			e.since, first = p.at, false
		}
		e.add(p.score, parts)
	})
}

func (e *episode) add(score float64, parts []float64) {
	e.peak = max(e.peak, score)
	for i, v := range parts {
		e.sum[i] += v
	}
}

// resume continues an event of an earlier run: its listed shares count like one row
// with the event's peak as score.
func (e *episode) resume(ev Event, channels []model.Channel) {
	e.on, e.announced, e.since, e.age = true, true, ev.Since, 0
	e.peak = ev.Peak
	if math.IsNaN(e.peak) {
		e.peak = math.Inf(-1)
	}
	weight := min(max(1, float64(e.peak*e.peak)), maxWeight)
	if math.IsInf(e.peak, -1) {
		weight = 1
	}
	e.rest = weight
	clear(e.sum)
	for _, c := range ev.Causes {
		for i := range channels {
			if channels[i].Name == c.Channel && c.Share > 0 && c.Share <= 1 {
				e.sum[i] = float64(c.Share * weight)
				e.rest = max(0, e.rest-e.sum[i])
			}
		}
	}
}

// causes lists the k largest causes, largest first; of equal ones the first channel.
func (e *episode) causes(k int, o *Policy, values, expected []float64) []Cause {
	total := e.rest
	for _, v := range e.sum {
		total += v
	}
	out := make([]Cause, 0, min(k, len(e.sum)))
	taken := make([]bool, len(e.sum))
	for len(out) < cap(out) {
		best := -1
		for i, v := range e.sum {
			if !taken[i] && v > 0 && (best < 0 || v > e.sum[best]) {
				best = i
			}
		}
		if best < 0 {
			break
		}
		taken[best] = true
		c := o.Channels[best]
		out = append(out, Cause{Channel: c.Name, Unit: c.Unit, Share: e.sum[best] / total,
			Value: values[best], Expected: expected[best], Direction: direction(values[best], expected[best])})
	}
	return out
}

func direction(value, expected float64) string {
	switch {
	case value > expected:
		return "above"
	case value < expected:
		return "below"
	}
	return ""
}

package main

import (
	"math"
	"slices"
	"time"
)

// The self-rebaselining threshold.
const (
	rearmSpan   = 1200 * time.Second // scores looked at
	rearmGap    = 300 * time.Second  // that ended so long ago
	rearmRank   = 0.9
	rearmFactor = 1.5
	rearmPart   = 4 // 1/4 of the span must have been seen
	rearmMost   = 1 << 16
)

// rearm raises the threshold after a lasting change: to 1.5 times what the score
// stayed below for 90 % of the 20 minutes that ended 5 minutes ago, never below
// the learnt one. So a machine that goes on at another level is heard again when
// it changes further, at the price of an alarm that ends though the change
// lasts. An option, never the only rule. Not safe for concurrent use.
type rearm struct {
	span, gap int
	ring      []float64 // the last span+gap scores, NaN = none
	next      int
	have      int
	sorted    []float64 // of those of the span
}

// newRearm returns a rearm for rows that come so far apart.
func newRearm(period time.Duration) *rearm {
	if period <= 0 {
		period = time.Second
	}
	rows := func(d time.Duration) int { return int(min(max(d/period, 1), rearmMost)) }
	r := &rearm{span: rows(rearmSpan), gap: rows(rearmGap)}
	r.ring = make([]float64, r.span+r.gap)
	r.sorted = make([]float64, 0, r.span)
	return r
}

// Push takes the newest score, NaN where there is none, and returns it in units
// of the threshold of the moment. It does not allocate.
func (r *rearm) Push(score float64) float64 {
	if r.have > r.gap { // the score of gap rows ago joins the span
		r.add(r.ring[(r.next-r.gap-1+len(r.ring))%len(r.ring)])
	}
	threshold := r.threshold()
	if r.have == len(r.ring) { // leaves the span before the next row
		r.drop(r.ring[r.next])
	} else {
		r.have++
	}
	r.ring[r.next] = score
	r.next = (r.next + 1) % len(r.ring)
	return score / threshold
}

// threshold returns that of the moment, in units of the learnt one.
func (r *rearm) threshold() float64 {
	if len(r.sorted) <= max(1, r.span/rearmPart) {
		return 1
	}
	at := float64(rearmRank * float64(len(r.sorted)-1))
	i := int(at)
	low, high := r.sorted[i], r.sorted[min(i+1, len(r.sorted)-1)]
	q := low + float64((at-float64(i))*(high-low))
	return max(1, rearmFactor*q)
}

func (r *rearm) add(v float64) {
	if !math.IsNaN(v) && len(r.sorted) < cap(r.sorted) {
		i, _ := slices.BinarySearch(r.sorted, v)
		r.sorted = slices.Insert(r.sorted, i, v)
	}
}

func (r *rearm) drop(v float64) {
	if !math.IsNaN(v) {
		if i, ok := slices.BinarySearch(r.sorted, v); ok {
			r.sorted = slices.Delete(r.sorted, i, i+1)
		}
	}
}

package model

import (
	"math"

	"iot-edge-anomaly/quant"
)

// aMax bounds (3) and (4): the fourth power still fits float32 with room for
// sums over every channel.
const aMax = 1e6

// weigh computes the terms of the newest row, puts them into the smoothing rings,
// and leaves (5) to (8), (14) and (15) in s.terms.
func (s *Scorer) weigh() {
	causes := s.causes.next()
	clear(causes)
	s.residual.mean(s.meanR, s.present)
	s.level.mean(s.meanL, s.present)
	s.smoothed(Relation, s.norm(s.meanR, s.p.ResidualCenter, s.p.ResidualScale, s.limits[Relation], causes))
	s.smoothed(Level, s.norm(s.meanL, s.p.LevelCenter, s.p.LevelScale, s.limits[Level], causes))
	s.smoothed(Jump, s.distance(s.limits[Jump], causes))
	if s.peers != nil {
		s.terms[Stray], s.terms[Slow] = s.peers.blame(s.p.Peers, s.z)
	}
	s.terms[Sensor] = s.sensors(s.limits[Sensor], causes)
}

// smoothed sets a term to the mean of its last rows, of which v is the newest.
func (s *Scorer) smoothed(term int, v float32) {
	r := &s.smooth[term]
	r.next()[0] = v
	s.terms[term] = r.average()
}

// norm returns (sum of ((v-center)/scale)⁴ / C)^¼ over the channels that are not
// NaN in v, and adds each channel's part of its square, in units of limit, to
// causes. It overwrites v.
func (s *Scorer) norm(v, center, scale []float32, limit float32, causes []float32) float32 {
	var sum float32
	for i, x := range v {
		if x != x {
			continue
		}
		a := clamp((x-center[i])/scale[i], aMax)
		a = float32(a * a)
		v[i] = float32(a * a)
		sum += v[i]
	}
	if !(sum > 0) {
		return 0
	}
	square := sqrt(sum / float32(s.c))
	part := square / sum / float32(limit*limit) // a product of small ones is 0
	for i, x := range v {
		if x == x {
			causes[i] += float32(x * part)
		}
	}
	return sqrt(square)
}

// distance returns (7) of the newest row, and adds each channel's part of its
// square, in units of limit, to causes. Masked channels have the values that
// minimise it. So have, here alone, channels that repeat an older value, because
// the others have moved on.
func (s *Scorer) distance(limit float32, causes []float32) float32 {
	row, u, pulled := s.now, s.row, s.pulled
	if s.repeats {
		u = s.fresh
		copy(u, s.row)
		s.impute(u, s.age, 0)
	}
	quant.SumRows(pulled, s.p.Precision, u) // the matrix is symmetric: its rows are its columns
	var sum, positive float32
	for i, x := range row {
		p := float32(u[i] * pulled[i])
		sum += p
		if p = above0(p); x != x {
			p = 0
		}
		positive += p
		pulled[i] = p
	}
	if sum = max(sum, 0); positive > 0 {
		part := sum / positive / float32(float32(float32(s.c)*limit)*limit)
		for i, p := range pulled {
			causes[i] += float32(p * part)
		}
	}
	return sqrt(sum / float32(s.c))
}

// share turns the causes of the last rows into shares that sum to 1. If the term
// Sensor makes the score, only the channels that misbehave in this row count: that
// term is not smoothed, so the rows before do not contribute to it. Nor do other terms
// to Stray and Slow, which look at single channels and are smoothed themselves.
func (s *Scorer) share() {
	out := s.score.Shares
	var total float32
	own := s.hung
	switch largest(&s.score.Terms) {
	case Stray, Slow:
		own = s.peers.part
		fallthrough
	case Sensor:
		for i, v := range own {
			out[i] = v
			total += v
		}
		for i := range out {
			out[i] /= total
		}
		return
	}
	s.causes.sum(out)
	for i, x := range s.newest {
		if x != x {
			out[i] = 0
		}
		total += out[i]
	}
	if !(total > 0) {
		clear(out)
		return
	}
	for i := range out {
		out[i] /= total
	}
}

// largest returns which term makes the score.
func largest(terms *[Terms]float32) (best int) {
	for k, v := range terms {
		if v > terms[best] {
			best = k
		}
	}
	return best
}

func sqrt(v float32) float32 { return float32(math.Sqrt(float64(v))) }

// above0 returns v where it is above 0, else 0, without a branch: the signs are
// random, so half of the branches would be mispredicted.
func above0(v float32) float32 {
	b := math.Float32bits(v)
	return math.Float32frombits(b &^ uint32(int32(b)>>31))
}

// clamp brings v between -most and most.
func clamp[T float32 | float64](v, most T) T {
	if v > most {
		return most
	}
	if v < -most {
		return -most
	}
	return v
}

// ring holds the last n rows of width values.
type ring struct {
	n, width, at int
	v            []float32 // (n, width)
	ones         []float32 // (n) of 1
}

func newRing(n, width int) ring {
	r := ring{n: n, width: width, v: make([]float32, n*width), ones: make([]float32, n)}
	for i := range r.ones {
		r.ones[i] = 1
	}
	return r
}

// next moves the ring on by a row and returns it: it still holds the oldest values
// and is to be overwritten.
func (r *ring) next() []float32 {
	if r.at++; r.at == r.n {
		r.at = 0
	}
	return r.v[r.at*r.width : (r.at+1)*r.width]
}

// sum writes to dst, for each of the width values, the sum of the rows.
func (r *ring) sum(dst []float32) { quant.SumRows(dst, r.v, r.ones) }

// mean writes to dst, for each of the width values, the mean of the rows; NaN where
// fewer than all n are measured (present counts the rows since a channel was
// masked): the mean of a part of a cycle differs from that of the whole.
func (r *ring) mean(dst []float32, present []int) {
	r.sum(dst)
	for i, sum := range dst {
		dst[i] = sum / float32(r.n)
		if present[i] < r.n {
			dst[i] = float32(math.NaN())
		}
	}
}

// average returns the mean of a ring of width 1 without NaN, summed from the newest
// row to the oldest.
func (r *ring) average() float32 {
	var sum float32
	for i := r.at; i >= 0; i-- {
		sum += r.v[i]
	}
	for i := r.n - 1; i > r.at; i-- {
		sum += r.v[i]
	}
	return sum / float32(r.n)
}

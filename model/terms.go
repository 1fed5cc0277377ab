package model

import (
	"math"

	"iot-edge-anomaly/quant"
)

// aMax bounds (3) and (4): their fourth power still fits float32 with room for
// sums over every channel.
const aMax = 1e6

// weigh computes the terms of the newest row, puts them into the smoothing
// rings, and leaves (5) to (8) and (12) in s.terms.
func (s *Scorer) weigh() {
	causes := s.causes.next()
	clear(causes)
	s.residual.mean(s.meanR, s.present)
	s.level.mean(s.meanL, s.present)
	r := s.norm(s.meanR, s.p.ResidualCenter, s.p.ResidualScale, s.limit, causes)
	l := s.norm(s.meanL, s.p.LevelCenter, s.p.LevelScale, s.p.Limits[1], causes)
	d := s.distance(s.p.Limits[2], causes)
	for i, t := range [...]float32{r, l, d} {
		s.smooth[i].next()[0] = t
		s.terms[i] = s.smooth[i].average()
	}
	if s.peers != nil {
		last := &s.smooth[len(s.smooth)-1]
		last.next()[0] = s.distant(causes)
		s.terms[Cross] = last.average()
	}
	s.terms[Sensor] = s.sensors(s.p.Limits[Sensor], causes)
}

// norm returns (sum of ((v-center)/scale)⁴ / C)^¼ over the channels that are not
// masked, and adds each channel's part of its square, in units of limit, to
// causes. v is used up.
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
// square, in units of limit, to causes. Masked channels have the values that make
// it the least; so have those that repeat one, for the others have moved on.
func (s *Scorer) distance(limit float32, causes []float32) float32 {
	row, u, pulled := s.now, s.row, s.pulled
	if s.stale {
		u = s.fresh
		copy(u, s.row)
		s.guess(u, s.age, 0)
	}
	quant.SumRows(pulled, s.p.Precision, u) // symmetric: its rows are its columns
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

// share turns the causes of the last rows into parts that sum to 1. Where (8)
// makes the score, it is the channels that misbehave now: the term is not
// smoothed, and the rows before say nothing of it.
func (s *Scorer) share() {
	out := s.score.Shares
	var total float32
	if foremost(&s.score.Terms) == Sensor {
		for i, v := range s.hung {
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

// foremost is the term that makes the score.
func foremost(terms *[Terms]float32) (best int) {
	for k, v := range terms {
		if v > terms[best] {
			best = k
		}
	}
	return best
}

func sqrt(v float32) float32 { return float32(math.Sqrt(float64(v))) }

// above0 is v where that is above 0, else 0. Signs come as they like: a branch
// would be guessed wrong half of the time.
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

// next makes room for the newest row and returns it to be written.
func (r *ring) next() []float32 {
	if r.at++; r.at == r.n {
		r.at = 0
	}
	return r.v[r.at*r.width : (r.at+1)*r.width]
}

// sum writes to dst, for each of the width values, the sum of the rows.
func (r *ring) sum(dst []float32) { quant.SumRows(dst, r.v, r.ones) }

// mean writes to dst, for each of the width values, the mean of the rows; NaN
// where one of them is a guess: present is how many rows came since. A part of a
// cycle has another mean than the whole.
func (r *ring) mean(dst []float32, present []int) {
	r.sum(dst)
	for i, sum := range dst {
		dst[i] = sum / float32(r.n)
		if present[i] < r.n {
			dst[i] = float32(math.NaN())
		}
	}
}

// average returns the mean of a ring of width 1 without NaN, the newest first.
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

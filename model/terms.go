package model

import "math"

// sweeps is how often marginal passes over the masked channels. Each pass can
// only lower the distance; ten leave less than a percent.
const sweeps = 10

// aMax bounds (3) and (4): their fourth power still fits float32 with room for
// sums over every channel.
const aMax = 1e6

// weigh computes the terms of the newest row, puts them into the smoothing
// rings, and leaves (5) to (8) in s.terms.
func (s *Scorer) weigh() {
	causes := s.causes.next()
	clear(causes)
	s.residual.mean(s.meanR)
	s.level.mean(s.meanL)
	r := s.norm(s.meanR, s.p.ResidualCenter, s.p.ResidualScale, s.p.Limits[0], causes)
	l := s.norm(s.meanL, s.p.LevelCenter, s.p.LevelScale, s.p.Limits[1], causes)
	d := s.distance(s.p.Limits[2], causes)
	for i, t := range [...]float32{r, l, d} {
		s.smooth[i].next()[0] = t
		var sum float32
		for j := range s.smooth[i].n {
			sum += s.smooth[i].row(j)[0]
		}
		s.terms[i] = sum / float32(s.smooth[i].n)
	}
	s.terms[sensorTerm] = s.sensors(s.p.Limits[sensorTerm], causes)
}

// norm returns (mean of ((v-center)/scale)⁴)^¼ over the channels that are not
// masked, and adds each channel's part of its square, in units of limit, to
// causes. v is used up.
func (s *Scorer) norm(v, center, scale []float32, limit float32, causes []float32) float32 {
	var sum float32
	n := 0
	for i, x := range v {
		if x != x {
			continue
		}
		a := min(max((x-center[i])/scale[i], -aMax), aMax)
		a = float32(a * a)
		v[i] = float32(a * a)
		sum += v[i]
		n++
	}
	if !(sum > 0) {
		return 0
	}
	square := sqrt(sum / float32(n))
	unit := float32(float32(limit*limit) * sum)
	for i, x := range v {
		if x == x {
			causes[i] += float32(x / unit * square)
		}
	}
	return sqrt(square)
}

// distance returns the root of the mean of (7) over the channels that are not
// masked, and adds each channel's part of its square, in units of limit, to
// causes.
func (s *Scorer) distance(limit float32, causes []float32) float32 {
	row, u, n := s.level.row(0), s.filled, 0
	for i, x := range row {
		u[i] = x
		if x != x {
			u[i] = 0
		} else {
			n++
		}
	}
	if n == 0 {
		return 0
	}
	if n < s.c {
		s.marginal(u)
	}
	var sum, positive float32
	for i := range u {
		s.pulled[i] = float32(u[i] * s.dot(i, u))
		sum += s.pulled[i]
		if x := row[i]; x == x {
			positive += max(s.pulled[i], 0)
		}
	}
	if sum = max(sum, 0); positive > 0 {
		unit := float32(float32(float32(n)*limit)*limit) * positive
		for i, x := range row {
			if x == x {
				causes[i] += float32(max(s.pulled[i], 0)*sum) / unit
			}
		}
	}
	return sqrt(sum / float32(n))
}

// dot returns row i of the precision times e.
func (s *Scorer) dot(i int, e []float32) float32 {
	row := s.p.Precision[i*s.c : (i+1)*s.c]
	var sum float32
	for j, v := range row {
		sum += float32(v * e[j])
	}
	return sum
}

// marginal gives the masked channels of e the values that make the distance
// smallest (Gauss-Seidel on the masked block of the precision).
func (s *Scorer) marginal(e []float32) {
	for range sweeps {
		for i, x := range s.newest {
			if x != x {
				e[i] -= s.dot(i, e) / s.p.Precision[i*s.c+i]
			}
		}
	}
}

// share turns the causes of the last rows into parts that sum to 1. Where (8)
// makes the score, it is the channels that misbehave now: the term is not
// smoothed, and the rows before say nothing of it.
func (s *Scorer) share() {
	out := s.score.Shares
	var total float32
	if foremost(&s.score.Terms) == sensorTerm {
		for i, v := range s.hung {
			out[i] = v
			total += v
		}
		for i := range out {
			out[i] /= total
		}
		return
	}
	clear(out)
	for j := range s.causes.n {
		for i, v := range s.causes.row(j) {
			if s.newest[i] == s.newest[i] {
				out[i] += v
				total += v
			}
		}
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

// ring holds the last n rows of width values.
type ring struct {
	n, width, at int
	v            []float32 // (n, width)
}

func newRing(n, width int) ring { return ring{n: n, width: width, v: make([]float32, n*width)} }

// next makes room for the newest row and returns it to be written.
func (r *ring) next() []float32 {
	if r.at++; r.at == r.n {
		r.at = 0
	}
	return r.v[r.at*r.width : (r.at+1)*r.width]
}

// row returns the row that came back rows before the newest.
func (r *ring) row(back int) []float32 {
	i := r.at - back
	if i < 0 {
		i += r.n
	}
	return r.v[i*r.width : (i+1)*r.width]
}

// mean writes to dst, for each of the width values, the mean of those that are
// not NaN; where more than half are missing it is NaN.
func (r *ring) mean(dst []float32) {
	for i := range dst {
		var sum float32
		n := 0
		for j := i; j < len(r.v); j += r.width {
			if x := r.v[j]; x == x {
				sum += x
				n++
			}
		}
		dst[i] = float32(math.NaN())
		if 2*n > r.n {
			dst[i] = sum / float32(n)
		}
	}
}

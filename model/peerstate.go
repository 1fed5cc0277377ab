package model

import (
	"math"
	"slices"

	"iot-edge-anomaly/quant"
)

const (
	prior     = 0.1   // part of (12) that is the same at every operating point
	closeBy   = 0.005 // of C: distances below do not count
	wideMost  = 4     // a row far from all prototypes may stray twice as far, at most
	leastSure = 0.03  // the least spread, in units of z
	mostStray = 20    // bounds a residual in units of its spread
	strayKeep = 0.3   // weight of the newest row in (14)
	slowKeep  = 0.05  // and in the two means of (15)
	soonKeep  = 0.15
	farStray  = 2 // a residual beyond it lets the base follow faster
	hasten    = 10

	imputePasses = 3 // where several channels are missing
)

// PeerState follows the rows of one machine for (10) to (15). It is not safe for concurrent
// use.
type PeerState struct {
	feature  []float32 // (F) scratch
	expected []float32 // (C) (11)
	distance []float32 // (P) scratch
	spread   []float32 // (C) (12)
	base     []float64 // (C) (13), in units of the spread
	strays   []float64 // (C) how often the channel is far from its base
	fast     []float32 // (C) mean of (14)
	slow     []float32 // (C) means of (15)
	soon     []float32

	part  []float32 // (C) scratch: what each channel adds to the causes
	usual []float32 // (C) scratch

	Stray, Slow []float32 // (C) (14) and (15) of the newest row, not divided by the limits
	Far         float32   // square of the distance from the nearest prototype, in units of Reach
}

// NewPeerState returns the state of a machine before its first row.
func NewPeerState(p *Peers) *PeerState {
	c := len(p.Gain)
	f := func(n int) []float32 { return make([]float32, n) }
	return &PeerState{feature: f(Features(c)), expected: f(c), distance: f(p.prototypes()), spread: f(c),
		base: make([]float64, c), strays: make([]float64, c), fast: f(c), slow: f(c), soon: f(c),
		part: f(c), usual: f(c), Stray: f(c), Slow: f(c)}
}

// Restart forgets the newest rows, but not what lasts.
func (s *PeerState) Restart() {
	clear(s.fast)
	clear(s.slow)
	clear(s.soon)
	clear(s.Stray)
	clear(s.Slow)
}

// Expect returns (11) for z, (C). The slice belongs to the state until its next call.
func (s *PeerState) Expect(p *Peers, z []float32) []float32 {
	p.Features(s.feature, z)
	quant.SumRows(s.expected, p.Weight, s.feature)
	for i, v := range s.expected {
		s.expected[i] = min(max(v+p.Bias[i], p.Least[i]), p.Most[i])
	}
	return s.expected
}

// Impute gives the channels of z that are missing, for age rows, the values that their
// peers expect.
func (s *PeerState) Impute(p *Peers, z []float32, age []int) {
	for range imputePasses {
		again := 0
		for k, n := range age {
			if n == 0 || p.Role[k] != Target {
				continue
			}
			if again++; again == 1 {
				s.Expect(p, z)
			}
			z[k] = s.expected[k]
		}
		if again < 2 {
			return // what is expected of a single one does not depend on it
		}
	}
}

// Push takes the next row, (C), and for how many rows each channel has been missing; nil =
// none has. What z holds of a missing channel is replaced. It adds nothing meanwhile, and
// after fill rows what it added is forgotten. While most channels are missing, nobody knows
// what the others should be.
func (s *PeerState) Push(p *Peers, z []float32, age []int, fill int) {
	s.Impute(p, z, age)
	s.Expect(p, z)
	s.near(p, z)
	missing, all := 0, 0
	for k, n := range age {
		if p.Role[k] != Apart {
			all++
		}
		if n > 0 {
			if p.Role[k] != Apart {
				missing++
			}
			for i, h := range p.Hidden[k*len(z) : (k+1)*len(z)] {
				s.spread[i] += h
			}
		}
	}
	for i, m := range s.spread {
		s.spread[i] = sqrt(m)
		if gone := age != nil && (age[i] > 0 || 2*missing > all); gone || p.Role[i] != Target {
			if s.Stray[i], s.Slow[i] = 0, 0; !gone || age[i] > fill {
				s.fast[i], s.slow[i], s.soon[i] = 0, 0, 0
			}
			continue
		}
		v := s.over(i, clamp((z[i]-s.expected[i])/s.spread[i], mostStray), float64(p.Rows))
		s.fast[i] += float32(strayKeep * (v - s.fast[i]))
		s.slow[i] += float32(slowKeep * (v - s.slow[i]))
		s.soon[i] += float32(soonKeep * (v - s.soon[i]))
		s.Stray[i], s.Slow[i] = abs(s.fast[i]), 0
		if s.slow[i] > 0 == (s.soon[i] > 0) {
			s.Slow[i] = min(abs(s.slow[i]), abs(s.soon[i]))
		}
	}
}

// blame returns the largest of (14) and (15), in units of their limits, for the row z of the
// last Push, and leaves in part how much each channel is to blame. A fault in one channel
// also moves what is expected of the others. So the channels that stray most are tried,
// each with the value that is expected of it: the less the others then stray, the more it
// is to blame.
func (s *PeerState) blame(p *Peers, z []float32) (stray, slow float32) {
	for i, v := range s.Stray {
		a, b := v/p.StrayLimit[i], s.Slow[i]/p.SlowLimit[i]
		stray, slow = max(stray, a), max(slow, b)
		a = max(a, b)
		a = float32(a * a)
		s.part[i] = float32(a * a)
	}
	if max(stray, slow) >= suspectFrom {
		s.try(p, z)
	}
	return stray, slow
}

// The channels whose values are tried.
const (
	suspects    = 8
	suspectFrom = 0.8 // of the limit
)

// try sets the parts of the channels that stray most by what is left of the others, to the
// power of -4, and those of all others to 0.
func (s *PeerState) try(p *Peers, z []float32) {
	copy(s.usual, s.expected)
	before := s.left(p, z, -1)
	var tried [suspects]int
	var left [suspects]float32
	for n := range tried {
		best := -1
		for i, v := range s.part {
			if v > 0 && (best < 0 || v > s.part[best]) && !slices.Contains(tried[:n], i) {
				best = i
			}
		}
		if tried[n] = best; best < 0 {
			continue
		}
		was := z[best]
		z[best] = s.usual[best]
		s.Expect(p, z)
		left[n] = s.left(p, z, best) / before
		z[best] = was
	}
	clear(s.part)
	for n, i := range tried {
		if i >= 0 {
			v := max(left[n], leastLeft)
			v = float32(v * v)
			s.part[i] = 1 / float32(v*v)
		}
	}
	copy(s.expected, s.usual)
}

// leastLeft bounds what is left of the others' residuals.
const leastLeft = 0.1

// left returns the sum of the squares of the residuals, without those of a channel; at
// least 1.
func (s *PeerState) left(p *Peers, z []float32, without int) float32 {
	sum := float32(1)
	for i, y := range s.expected {
		if p.Role[i] == Target && i != without {
			u := clamp((z[i]-y)/s.spread[i]-float32(s.base[i]), mostStray)
			sum += float32(u * u)
		}
	}
	return sum
}

// over returns how far u, a residual of channel i in units of its spread, is from its
// base, and moves the base towards it (13).
func (s *PeerState) over(i int, u float32, rows float64) float32 {
	v, far := float64(u)-s.base[i], 0.0
	if math.Abs(v) > farStray {
		far = 1
	}
	s.strays[i] += (far - s.strays[i]) / rows
	step := 1 + float64(hasten*float64(s.strays[i]*s.strays[i]))
	s.base[i] += clamp(v, step) / rows
	return float32(v)
}

// near computes the square of (12).
func (s *PeerState) near(p *Peers, z []float32) {
	c := len(z)
	for k := range s.distance {
		var d float32
		for i, x := range p.Prototype[k*c : (k+1)*c] {
			x -= z[i]
			d += float32(x * x)
		}
		s.distance[k] = d
	}
	clear(s.spread)
	var sum float32
	for n := range min(Nearest, len(s.distance)) {
		best := 0
		for k, d := range s.distance {
			if d < s.distance[best] {
				best = k
			}
		}
		d := s.distance[best]
		if n == 0 {
			s.Far = d / p.Reach
		}
		s.distance[best] = math.MaxFloat32
		w := 1 / (d + float32(closeBy*float32(c)))
		sum += w
		for i, m := range p.Near[best*c : (best+1)*c] {
			s.spread[i] += float32(w * m)
		}
	}
	wider := min(1+max(0, s.Far-1), wideMost)
	for i, m := range s.spread {
		m = float32(prior*p.Overall[i]) + float32((1-prior)*m/sum)
		s.spread[i] = float32(m*wider) + leastSure*leastSure
	}
}

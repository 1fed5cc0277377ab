package model

import "math"

// sensorMax bounds (8): a sensor that hangs or flickers stays a warning, however
// long it does so.
const sensorMax = 1.4

const (
	roughRows = 40
	roughUnit = 255
	roughFull = roughRows * roughUnit
)

// Behaviour follows how one channel's values change from row to row: for how many
// rows they stay the same, and how large the steps of the last 40 rows are.
// Learning and scoring use the same code. The counts are integers, so that rounding
// errors cannot add up over years. The zero value is ready to use.
type Behaviour struct {
	last  float64
	known bool
	same  int
	steps [roughRows]uint8 // in 255ths of the channel's Step, at most 1
	at    int
	sum   int32
}

// Push takes the newest value, NaN where it is missing; step is the channel's Step.
// A missing value counts neither as a change nor as a repetition.
func (b *Behaviour) Push(x, step float64) {
	var d uint8
	if !math.IsNaN(x) {
		switch {
		case !b.known:
		case x == b.last:
			b.same = min(b.same+1, math.MaxInt32)
		default:
			b.same = 0
			d = uint8(clamp(math.Abs(x-b.last)/step, 1) * roughUnit)
		}
		if !b.known {
			b.same = 0
		}
		b.last, b.known = x, true
	}
	b.sum += int32(d) - int32(b.steps[b.at])
	b.steps[b.at] = d
	if b.at++; b.at == roughRows {
		b.at = 0
	}
}

// Same returns for how many rows the value has stayed the same.
func (b *Behaviour) Same() int { return b.same }

// Rough returns the sum of the steps of the last 40 rows, 0 to 10,200, in 255ths of
// Step.
func (b *Behaviour) Rough() int32 { return b.sum }

// sensors returns (8). It writes each misbehaving channel's square, in units of
// limit, to hung and adds it to causes.
func (s *Scorer) sensors(limit float32, causes []float32) float32 {
	clear(s.hung)
	var top float32
	for i := range s.behaviour {
		b := &s.behaviour[i]
		still, rough := over(float32(b.same), s.p.Still[i]), over(float32(b.sum), float32(s.p.Rough[i]))
		h := max(still, rough)
		if x := s.newest[i]; h == 0 || x != x {
			continue
		}
		if h > top {
			top, s.score.Flickers = h, rough > still
		}
		h /= limit
		s.hung[i] = float32(h * h)
		causes[i] += s.hung[i]
	}
	return top
}

// over returns v/limit where that is above 1, else 0; with limit 0 always 0.
func over(v, limit float32) float32 {
	if limit == 0 || v <= limit {
		return 0
	}
	return min(v/limit, sensorMax)
}

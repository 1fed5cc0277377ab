package judge

import (
	"math"
	"slices"

	"iot-edge-anomaly/agent/detect"
	"iot-edge-anomaly/model"
)

// mapping lets a model judge rows that have other channels than those it was learnt
// on, or another order: what was removed is missing to it, what was added it does not
// judge. Nil is the identity.
type mapping struct {
	index   []int // (C of the model) position in the rows, -1 = missing
	removed []string
	row     []float64 // (C of the model)

	shares           []float32 // (C of the rows)
	values, expected []float64 // (C of the rows)
	drift            []model.ChannelDrift
}

// newMapping maps rows of n channels, and returns nil where they are the model's own.
func newMapping(t model.Match, n int) *mapping {
	if t.InOrder(n) {
		return nil
	}
	p := &mapping{index: t.Index, removed: t.Removed, row: make([]float64, len(t.Index)),
		shares: make([]float32, n), values: make([]float64, n), expected: make([]float64, n), drift: make([]model.ChannelDrift, n)}
	for i := range n {
		p.expected[i] = math.NaN()
		p.drift[i] = model.ChannelDrift{Score: math.NaN(), Distance: math.NaN()}
	}
	return p
}

// in is the row as the model takes it; valid until the next call.
func (p *mapping) in(row []float64) []float64 {
	if p == nil {
		return row
	}
	for j, i := range p.index {
		p.row[j] = math.NaN()
		if i >= 0 && i < len(row) {
			p.row[j] = row[i]
		}
	}
	return p.row
}

// out is the model's score of a row in the order of the rows; valid until the next
// call.
func (p *mapping) out(s model.Score, row []float64) model.Score {
	if p == nil || s.Shares == nil {
		return s
	}
	for i := range p.values {
		if p.values[i] = math.NaN(); i < len(row) && !math.IsInf(row[i], 0) {
			p.values[i] = row[i]
		}
	}
	for j, i := range p.index {
		if i >= 0 {
			p.shares[i], p.expected[i] = s.Shares[j], s.Expected[j]
		}
	}
	s.Shares, s.Values, s.Expected = p.shares, p.values, p.expected
	return s
}

// event leaves out of an event what is not configured any more.
func (p *mapping) event(ev detect.Event) detect.Event {
	if p == nil || len(p.removed) == 0 || len(ev.Missing) == 0 {
		return ev
	}
	ev.Missing = slices.DeleteFunc(slices.Clone(ev.Missing), func(name string) bool { return slices.Contains(p.removed, name) })
	return ev
}

// drifts are the model's channels in the order of the rows; valid until the next
// call.
func (p *mapping) drifts(of []model.ChannelDrift) []model.ChannelDrift {
	if p == nil || of == nil {
		return of
	}
	for j, i := range p.index {
		if i >= 0 {
			p.drift[i] = of[j]
		}
	}
	return p.drift
}

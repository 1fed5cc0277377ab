package model

import (
	"fmt"
	"math"
)

// Cross expects each channel from the newest values of the others. Equation
// numbers are those of the package comment; C is the number of channels.
type CrossNetwork struct {
	Gain   []float32 // (C) > 0, from units of Spread to those of the network (10)
	Clip   float32   // the network's input range, in its units
	Layers []Layer   // first In = last Out = C; no output depends on its own channel

	Center        []float32 // (C) (11)
	Scale         []float32 // (C) > 0 (11)
	MissingMargin []float32 // (C) by how much of itself the limit of p rises without the channel

	GoldenIn  []float32 // (as many as Parameters.GoldenIn, C) inputs of the network
	GoldenOut []float32 // the same shape: its exact outputs
}

// validateSizes checks the numbers that shapes follow from.
func (p *CrossNetwork) validateSizes(c int) error {
	if err := chain(p.Layers, c, c); err != nil {
		return fmt.Errorf("peers: %w", err)
	}
	return nil
}

// validate checks every value.
func (p *CrossNetwork) validate(c, golden int) error {
	if err := p.validateSizes(c); err != nil {
		return err
	}
	if !(p.Clip > 0) || math.IsInf(float64(p.Clip), 0) {
		return fmt.Errorf("peers: clip %v, want above 0", p.Clip)
	}
	for _, t := range []struct {
		name     string
		v        []float32
		n        int
		positive bool
	}{
		{"gain", p.Gain, c, true},
		{"center", p.Center, c, false},
		{"scale", p.Scale, c, true},
		{"golden inputs", p.GoldenIn, golden * c, false},
		{"golden outputs", p.GoldenOut, golden * c, false},
	} {
		if err := check("peers' "+t.name, t.v, t.n, t.positive); err != nil {
			return err
		}
	}
	if len(p.MissingMargin) != c {
		return fmt.Errorf("peers: %d values of rise, want %d", len(p.MissingMargin), c)
	}
	if err := validateRise(p.MissingMargin, c); err != nil {
		return fmt.Errorf("peers: %w", err)
	}
	for i := range p.Layers {
		if err := p.Layers[i].validate(); err != nil {
			return fmt.Errorf("peers: layer %d: %w", i, err)
		}
	}
	return nil
}

// watchPeers makes what the Scorer needs for (10) to (12); without a network, or
// where it expects the median, p is 0.
func (s *Scorer) watchPeers(m *Model) {
	if s.p.Cross == nil || s.p.Reference == None {
		return
	}
	s.peers = m.runner(m.peers, s.p.Cross.Layers, s.p.Cross.Clip, 1)
	s.gained, s.apart, s.meanP = make([]float32, s.c), make([]float32, s.c), make([]float32, s.c)
	s.apartness = newRing(s.p.Mean, s.c)
}

// rangeRoom is how far beyond its range, in parts of it, a channel may be before
// nobody knows what the others say.
const rangeRoom = 0.05

// beyond tells whether value x of channel i is outside of the range that was learnt.
func (s *Scorer) beyond(i int, x float64) bool {
	low, high := s.p.Drift[i], s.p.Drift[len(s.p.Drift)-s.c+i]
	room := float64(rangeRoom * (high - low))
	return x < low-room || x > high+room
}

// ask computes (10) for the newest row, of masked channels for what they were
// guessed to be.
func (s *Scorer) ask() {
	for i, x := range s.row {
		s.gained[i] = float32(x * s.p.Cross.Gain[i])
	}
	s.peers.push(s.gained)
	s.peers.expect(s.apart)
	for i, x := range s.gained {
		s.apart[i] = x - s.apart[i]
	}
	copy(s.apartness.next(), s.apart)
}

// distant returns what (12) is the mean of for the newest row, and 0 while rows
// with other channels masked, or in a state that is new, are among those looked at:
// what a guess makes of the others only evens out once it stays the same.
func (s *Scorer) distant(causes []float32) float32 {
	if s.steady < s.p.fillRows() {
		return 0
	}
	s.apartness.mean(s.meanP, s.present)
	return s.norm(s.meanP, s.p.Cross.Center, s.p.Cross.Scale, s.limitP, causes)
}

// CrossResidual writes (10) of the newest row to dst, (C) in units of Spread/Gain, NaN
// where the channel is masked. It is false while no window is complete, while p
// waits for the same channels to be masked, and where the model has no Cross.
func (s *Scorer) CrossResidual(dst []float32) bool {
	if s.peers == nil || s.idle || s.rows < s.p.Window || s.steady < s.p.fillRows() {
		return false
	}
	copy(dst, s.apart)
	for i, x := range s.now {
		if x != x {
			dst[i] = x
		}
	}
	return true
}

// expectation is what channel i was expected to be, in units of Spread: by its
// peers, who cannot follow a fault in it, else by the network of the window.
func (s *Scorer) expectation(i int) float32 {
	if s.peers == nil {
		return s.expected[i]
	}
	return float32(s.gained[i]-s.apart[i]+s.p.Cross.Center[i]) / s.p.Cross.Gain[i]
}

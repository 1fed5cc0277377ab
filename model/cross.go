package model

import (
	"fmt"
	"math"

	"iot-edge-anomaly/quant"
)

// CrossNetwork is the cross-channel network: it predicts each channel from the
// other channels' values in the same row. Equation numbers are those of the
// package comment; C is the number of channels.
type CrossNetwork struct {
	Gain   []float32 // (C) > 0, from units of Spread to those of the network (10)
	Clip   float32   // the network's input range, in its units
	Layers []Layer   // first In = last Out = C; no output depends on its own channel

	Center        []float32 // (C) (11)
	Scale         []float32 // (C) > 0 (11)
	MissingMargin []float32 // (C) by what part Limits[Cross] rises while the channel is missing

	GoldenIn  []float32 // (as many vectors as Parameters.GoldenIn, C) inputs of the network
	GoldenOut []float32 // (as GoldenIn) its exact outputs
}

// Network builds the int8 network: inputs are (C) in units of Spread/Gain, outputs
// are the predictions of the same channels.
func (n *CrossNetwork) Network() (*quant.Network, error) { return networkOf(n.Layers, n.Clip) }

// validateSizes checks the numbers that shapes follow from.
func (n *CrossNetwork) validateSizes(c int) error {
	if err := chain(n.Layers, c, c); err != nil {
		return fmt.Errorf("cross-channel network: %w", err)
	}
	return nil
}

// validate checks every size and value; golden is the number of golden vectors.
func (n *CrossNetwork) validate(c, golden int) error {
	if err := n.validateSizes(c); err != nil {
		return err
	}
	if !(n.Clip > 0) || math.IsInf(float64(n.Clip), 0) {
		return fmt.Errorf("cross-channel network: clip %v, want above 0", n.Clip)
	}
	const prefix = "cross-channel "
	err := checkAll(prefix,
		array{"gain", n.Gain, c, true},
		array{"center", n.Center, c, false},
		array{"scale", n.Scale, c, true},
		array{"golden inputs", n.GoldenIn, golden * c, false},
		array{"golden outputs", n.GoldenOut, golden * c, false})
	if err != nil {
		return err
	}
	for i := range n.Layers {
		if err := n.Layers[i].validate(); err != nil {
			return fmt.Errorf("cross-channel network: layer %d: %w", i, err)
		}
	}
	return validateMargin(prefix+"missing margin", n.MissingMargin, c)
}

// crossState is what a Scorer keeps for (10) to (12).
type crossState struct {
	net       network
	in        []float32 // (C) the newest row in the network's units
	residual  []float32 // (C) (10) of the newest row, masked channels imputed
	residuals ring      // (Mean, C) (10)
	mean      []float32 // (C) scratch
}

// newCross returns the state for m's cross-channel network; nil if there is none,
// or if the model predicts medians only.
func newCross(m *Model) *crossState {
	n := m.p.Cross
	if n == nil || m.p.Reference == None {
		return nil
	}
	c := len(m.p.Schema.Channels)
	return &crossState{net: m.runner(m.cross, n.Layers, n.Clip, 1), in: make([]float32, c), residual: make([]float32, c),
		mean: make([]float32, c), residuals: newRing(m.p.Mean, c)}
}

// rangeMargin is how far outside its learnt range, as a part of that range, a
// channel may be before the other channels' predictions no longer hold.
const rangeMargin = 0.05

// outOfRange tells whether value x of channel i lies outside the learnt range.
func (s *Scorer) outOfRange(i int, x float64) bool {
	low, high := s.p.Drift[i], s.p.Drift[len(s.p.Drift)-s.c+i]
	margin := float64(rangeMargin * (high - low))
	return x < low-margin || x > high+margin
}

// crossResidual computes (10) for the newest row. Masked channels have their
// imputed values.
func (s *Scorer) crossResidual() {
	x := s.cross
	for i, u := range s.row {
		x.in[i] = float32(u * s.p.Cross.Gain[i])
	}
	x.net.push(x.in)
	x.net.expect(x.residual)
	for i, u := range x.in {
		x.residual[i] = u - x.residual[i]
	}
	copy(x.residuals.next(), x.residual)
}

// crossTerm returns what (12) averages for the newest row. It is 0 while the rows
// it looks back on differ in which channels are masked, or hold a value outside the
// learnt range: the error that an imputed value adds to the predictions is constant
// only while the set of masked channels is.
func (s *Scorer) crossTerm(causes []float32) float32 {
	if s.stable < s.p.fillRows() {
		return 0
	}
	s.cross.residuals.mean(s.cross.mean, s.present)
	return s.norm(s.cross.mean, s.p.Cross.Center, s.p.Cross.Scale, s.limits[Cross], causes)
}

// CrossResidual writes (10) of the newest row to dst, (C) in units of Spread/Gain,
// NaN where the channel is masked. It reports false, and writes nothing, while no
// window is complete, while the cross term is silent (see the package comment), and
// for a model without a cross-channel network.
func (s *Scorer) CrossResidual(dst []float32) bool {
	if s.cross == nil || s.idle || s.rows < s.p.Window || s.stable < s.p.fillRows() {
		return false
	}
	copy(dst, s.cross.residual)
	for i, x := range s.now {
		if x != x {
			dst[i] = x
		}
	}
	return true
}

// expectation returns the expected value of channel i in units of Spread: the
// cross-channel network's, which a fault in the channel itself does not move;
// without one, the window network's.
func (s *Scorer) expectation(i int) float32 {
	x := s.cross
	if x == nil {
		return s.expected[i]
	}
	return float32(x.in[i]-x.residual[i]+s.p.Cross.Center[i]) / s.p.Cross.Gain[i]
}

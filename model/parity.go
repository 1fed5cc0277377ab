package model

import (
	"math"
	"slices"
)

// Parity compares the int8 network with the float32 weights that it was quantised from:
// the RMS difference of their outputs on a golden vector, the median of all, in
// units of Spread. Most golden vectors are of the learning rows; one is far outside of
// them, where int8 saturates.
func (m *Model) Parity() float64 {
	return parity(m.p.Layers, m.p.Clip, m.p.inputs(), m.p.GoldenIn, m.p.GoldenOut)
}

func parity(layers []Layer, clip float32, width int, in, out []float32) float64 {
	wide := width
	for _, l := range layers {
		wide = max(wide, l.Out)
	}
	n := &floatNet{layers: layers, clip: clip, a: make([]float32, wide), b: make([]float32, wide)}
	got := make([]float32, width)
	var gaps []float64
	for g := 0; g+width <= len(in); g += width {
		n.window = in[g : g+width]
		n.expect(got)
		sum := 0.0
		for i, v := range got {
			d := float64(v) - float64(out[g+i])
			sum += float64(d * d)
		}
		gaps = append(gaps, math.Sqrt(sum/float64(width)))
	}
	slices.Sort(gaps)
	return gaps[len(gaps)/2]
}

package quant

import (
	"fmt"
	"math"
)

// biasSteps bounds a quantised bias: 2^24 is exact in float32 and far below what bound
// (7) leaves for it.
const biasSteps = 1 << 24

// Layer is a float32 dense layer after post-training quantisation, in the form that
// NewDense takes and files store.
type Layer struct {
	In, Out int
	Weights []int8    // (Out, In) row-major
	Scales  []float32 // (Out) real weight = Scales[o]*Weights[o][k]
	Bias    []int32   // (Out) in steps of input scale * Scales[o]
	Mult    []float32 // (Out) equation (4), or (6) for the last layer
}

// Dense packs the layer for this CPU.
func (l Layer) Dense() (*Dense, error) {
	return NewDense(l.In, l.Out, l.Weights, l.Bias, l.Mult)
}

// QuantiseLayer quantises w (out, in) row-major and bias (out). x are the Params of the
// layer's int8 input, y those of its int8 output; for the last layer y is Params{Scale: 1},
// and equation (6) gives real numbers. The scale of a row is max|row|/127, or larger if the
// bias would need more than 2^24 steps. A number that is not finite or a multiplier outside
// bound (8) is an error that names the row.
func QuantiseLayer(w, bias []float32, in, out int, x, y Params) (Layer, error) {
	if in < 1 || in > MaxWidth || out < 1 || out > MaxWidth ||
		int64(len(w)) != int64(in)*int64(out) || len(bias) != out {
		return Layer{}, fmt.Errorf("quantise layer %dx%d: %d weights and %d biases do not fit",
			out, in, len(w), len(bias))
	}
	l := Layer{
		In: in, Out: out,
		Weights: make([]int8, len(w)),
		Scales:  make([]float32, out),
		Bias:    make([]int32, out),
		Mult:    make([]float32, out),
	}
	for o := range out {
		if err := l.row(o, w[o*in:(o+1)*in], bias[o], x, y); err != nil {
			return Layer{}, fmt.Errorf("quantise layer %dx%d: row %d: %w", out, in, o, err)
		}
	}
	return l, nil
}

// row quantises row o.
func (l *Layer) row(o int, w []float32, bias float32, x, y Params) error {
	if k := notFinite(w); k >= 0 {
		return fmt.Errorf("weight %d is %g", k, w[k])
	}
	if notFinite([]float32{bias}) >= 0 {
		return fmt.Errorf("bias is %g", bias)
	}
	for _, p := range []Params{x, y} {
		if err := checkScale(p.Scale); err != nil {
			return fmt.Errorf("scale %w", err)
		}
	}
	need := float32(math.Abs(float64(bias)) / (float64(x.Scale) * biasSteps))
	p := Params{Scale: max(float32(largest(w)/maxLevel), need)}
	if checkScale(p.Scale) != nil {
		p.Scale = 1 // a row of zeros or of nearly zero
	}
	m := float32(float64(x.Scale) * float64(p.Scale) / float64(y.Scale)) // (4)
	if err := checkScale(m); err != nil {
		return fmt.Errorf("multiplier %w", err)
	}
	p.Quantise(l.Weights[o*l.In:(o+1)*l.In], w)
	l.Scales[o], l.Mult[o] = p.Scale, m
	// (3); |bias| <= 2^24 plus a rounding error of the scale
	l.Bias[o] = int32(math.RoundToEven(float64(bias) / (float64(x.Scale) * float64(p.Scale))))
	return nil
}

// largest returns max|w|.
func largest(w []float32) float32 {
	var m float32
	for _, v := range w {
		m = max(m, v, -v)
	}
	return m
}

// notFinite returns the index of the first NaN or infinity, or -1.
func notFinite(w []float32) int {
	for k, v := range w {
		if !(v-v == 0) {
			return k
		}
	}
	return -1
}

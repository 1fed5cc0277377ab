package quant

import (
	"fmt"
	"math"
)

// MaxWidth is the largest number of inputs or outputs of a layer; bound (7)
// rests on it.
const MaxWidth = 131072

// Dense is one fully connected layer with its weights packed for this CPU.
// The zero value is not usable. A Dense never changes after NewDense: it is
// safe for concurrent use and may be part of several networks.
type Dense struct {
	in, out int
	weights []word    // (ceil(out/rows), padded(in), perInput), zero padded
	bias    []int32   // (ceil(out/rows)*rows), zero padded
	mult    []float32 // (ceil(out/rows)*rows), zero padded
}

// NewDense packs a layer of in inputs and out outputs. weights is (out, in)
// row-major with values in [-127, 127]; bias and mult are (out): the bias in
// units of the accumulator, equation (3), the multiplier of equation (4), or
// (6) for the last layer. The slices are copied. The error names the row at
// fault: a length, a weight of -128, a multiplier outside bound (8), or a row
// that could overflow int32, bound (7).
func NewDense(in, out int, weights []int8, bias []int32, mult []float32) (*Dense, error) {
	if err := checkDense(in, out, weights, bias, mult); err != nil {
		return nil, fmt.Errorf("dense %dx%d: %w", out, in, err)
	}
	groups := (out + rows - 1) / rows
	d := &Dense{
		in: in, out: out,
		weights: pack(in, out, weights),
		bias:    make([]int32, groups*rows),
		mult:    make([]float32, groups*rows),
	}
	copy(d.bias, bias)
	copy(d.mult, mult)
	return d, nil
}

func checkDense(in, out int, weights []int8, bias []int32, mult []float32) error {
	if in < 1 || in > MaxWidth {
		return fmt.Errorf("%d inputs, want 1 to %d", in, MaxWidth)
	}
	if out < 1 || out > MaxWidth {
		return fmt.Errorf("%d outputs, want 1 to %d", out, MaxWidth)
	}
	if want := int64(in) * int64(out); int64(len(weights)) != want {
		return fmt.Errorf("%d weights, want %d", len(weights), want)
	}
	if len(bias) != out {
		return fmt.Errorf("%d biases, want %d", len(bias), out)
	}
	if len(mult) != out {
		return fmt.Errorf("%d multipliers, want %d", len(mult), out)
	}
	for o := range out {
		if err := checkScale(mult[o]); err != nil {
			return fmt.Errorf("row %d: multiplier %w", o, err)
		}
		if err := checkRow(weights[o*in:(o+1)*in], bias[o]); err != nil {
			return fmt.Errorf("row %d: %w", o, err)
		}
	}
	return nil
}

// checkRow holds bound (7). In int64: at most 131072*127*127 + 2^31.
func checkRow(w []int8, bias int32) error {
	var sum int64
	for k, v := range w {
		if v == math.MinInt8 {
			return fmt.Errorf("weight %d is -128, want -127 to 127", k)
		}
		sum += int64(max(v, -v))
	}
	bound := sum*maxLevel + max(int64(bias), -int64(bias))
	if bound > math.MaxInt32 {
		return fmt.Errorf("accumulator may reach %d, above int32", bound)
	}
	return nil
}

// In returns the number of inputs.
func (d *Dense) In() int { return d.in }

// Out returns the number of outputs.
func (d *Dense) Out() int { return d.out }

// Forward computes a hidden layer: equation (3), ReLU, requantisation (5).
// src is (In) with values in [-127, 127], dst is (Out) and receives values in
// [0, 127]; they do not overlap. Longer slices are cut, shorter ones panic as
// an index does. It allocates nothing.
func (d *Dense) Forward(dst, src []int8) {
	d.forward(dst[:d.out], src[:d.in])
}

// ForwardFloat computes the last layer: equation (3), then (6), unclipped.
// Shapes as in Forward.
func (d *Dense) ForwardFloat(dst []float32, src []int8) {
	d.forwardFloat(dst[:d.out], src[:d.in])
}

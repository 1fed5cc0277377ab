package quant

import (
	"fmt"
	"math"
	"sync"
	"unsafe"
)

// MaxWidth is the largest number of inputs or outputs of a layer; bound (7) relies on it.
const MaxWidth = 131072

// Dense is one fully connected layer with its weights packed for this CPU.
// The zero value is not usable. A Dense never changes after NewDense: it is
// safe for concurrent use and may be part of several networks.
type Dense struct {
	in, out int
	kernel  *kernel   // nil = the portable loops
	weights []word    // for the portable loops: (ceil(out/rows), padded(in), perInput)
	stream  []int8    // for the kernel, as its pack orders them
	bias    []int32   // (out rounded up to the kernel's rows), zero padded
	mult    []float32 // as bias
	shifted []int32   // bias - 128*sum of w, if the kernel needs it
}

// NewDense packs a layer of in inputs and out outputs. weights is (out, in)
// row-major with values in [-127, 127]; bias and mult are (out): the bias in
// units of the accumulator, equation (3), the multiplier of equation (4), or
// (6) for the last layer. The slices are copied. The error says what is wrong, and in
// which row: a length, a weight of -128, a multiplier outside bound (8), or a sum that
// could overflow int32, bound (7).
func NewDense(in, out int, weights []int8, bias []int32, mult []float32) (*Dense, error) {
	if err := checkDense(in, out, weights, bias, mult); err != nil {
		return nil, fmt.Errorf("dense %dx%d: %w", out, in, err)
	}
	d := &Dense{in: in, out: out, kernel: inUse}
	high := roundUp(out, rows)
	if k := d.kernel; k != nil {
		d.stream = k.pack(in, out, weights)
		high = roundUp(out, k.rows)
	} else {
		d.weights = pack(in, out, weights)
	}
	d.bias, d.mult = make([]int32, high), make([]float32, high)
	copy(d.bias, bias)
	copy(d.mult, mult)
	if d.kernel != nil && d.kernel.shifted {
		d.shifted = shiftBias(in, weights, d.bias)
	}
	return d, nil
}

// shiftBias returns the bias of a layer whose inputs are given as x+128:
//
//	bias + sum w*x  =  (bias - 128*sum w) + sum w*(x+128)
//
// Either part of the right side may overflow int32: with MaxWidth inputs the sum of
// w*(x+128) reaches 131072*127*255, about 2^32. Go's int32 and the CPU add modulo 2^32.
// By bound (7) the total fits int32, so it is exact.
func shiftBias(in int, weights []int8, bias []int32) []int32 {
	const shift = 128
	b := append([]int32(nil), bias...)
	for i, w := range weights {
		b[i/in] -= shift * int32(w)
	}
	return b
}

// checkDense checks what NewDense promises to refuse.
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

// checkRow checks bound (7), in int64: at most 131072*127*127 + 2^31.
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
// [0, 127]; they do not overlap. Elements beyond these sizes are ignored; a shorter slice
// panics like an index out of range. It allocates nothing.
func (d *Dense) Forward(dst, src []int8) {
	dst, src = dst[:d.out], src[:d.in]
	if d.kernel == nil {
		d.forward(dst, src)
		return
	}
	s := d.alone(src)
	out := s.bytes[roundUp(d.in, d.kernel.inputs):]
	s.job.dst = unsafe.Pointer(unsafe.SliceData(out))
	d.kernel.run(&s.job, 1)
	copy(dst, out)
	scratches.Put(s)
}

// ForwardFloat computes the last layer: equation (3), then (6), without clamping. Shapes
// are as in Forward.
func (d *Dense) ForwardFloat(dst []float32, src []int8) {
	dst, src = dst[:d.out], src[:d.in]
	if d.kernel == nil {
		d.forwardFloat(dst, src)
		return
	}
	s := d.alone(src)
	s.job.dst = unsafe.Pointer(unsafe.SliceData(s.floats))
	s.job.flags |= flagFloat
	d.kernel.run(&s.job, 1)
	copy(dst, s.floats)
	scratches.Put(s)
}

// job returns the layer as its kernel takes it, without src and dst. signed: the input
// is not the output of a ReLU.
func (d *Dense) job(signed bool) job {
	j := job{weights: unsafe.SliceData(d.stream), bias: unsafe.SliceData(d.bias), mult: unsafe.SliceData(d.mult),
		inputs: roundUp(d.in, d.kernel.inputs), rows: len(d.bias)}
	if signed {
		j.flags = flagSigned
		if d.kernel.shifted {
			j.bias = unsafe.SliceData(d.shifted)
		}
	}
	return j
}

// scratch is the padded memory of one layer that runs outside a network.
type scratch struct {
	job    job
	bytes  []int8 // inputs, then outputs
	floats []float32
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// alone returns a job for the layer with a padded copy of src.
func (d *Dense) alone(src []int8) *scratch {
	s := scratches.Get().(*scratch)
	s.job = d.job(true)
	if n := s.job.inputs + s.job.rows; len(s.bytes) < n {
		s.bytes = aligned(n)
	}
	if len(s.floats) < s.job.rows {
		s.floats = make([]float32, s.job.rows)
	}
	copy(s.bytes, src) // the padding may hold anything: its weights are zero
	s.job.src = unsafe.SliceData(s.bytes)
	return s
}

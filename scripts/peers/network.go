package main

import (
	"fmt"
	"math"

	"iot-edge-anomaly/quant/reference"
)

// network is a reference network with numbers that make it the same network in every
// engine: all scales of activations are powers of two, so that each engine arrives at
// the same float32 multiplier, in whatever order it multiplies and divides them.
type network struct {
	*reference.Network
	samples [][]float32 // inputs (In) that stay within int8
	outStep float32     // of an int8 output that holds every output of the samples
}

// actScale is the scale of every activation, which is that of the reference networks'
// input. It determines the weight scales together with the multipliers.
const actScale = 1.0 / 32

// sampleCount is how many inputs are compared.
const sampleCount = 32

// newNetwork returns a reference network for the comparison, with the weights and
// biases of the reference. The multipliers of each layer are scaled by a power of two
// so that the largest hidden activation of the samples lies between 63 and 127:
// ONNX Runtime's unsigned activations clamp at 255 and ours at 127. With perTensor
// all rows of a layer have the multiplier of the first row.
func newNetwork(name string, perTensor bool) (*network, error) {
	ref, err := reference.New(name)
	if err != nil {
		return nil, err
	}
	if ref.Input.Scale != actScale {
		return nil, fmt.Errorf("network %s: input scale %g, want %g", name, ref.Input.Scale, actScale)
	}
	n := &network{Network: ref}
	for seed := range uint64(sampleCount) {
		n.samples = append(n.samples, within(ref.Sample(seed+1)))
	}
	if perTensor {
		for _, l := range n.Layers {
			for o := range l.Mult {
				l.Mult[o] = l.Mult[0]
			}
		}
	}
	n.tame()
	return n, nil
}

// within clamps a sample to 127 steps: the other engines accept -128, we do not.
func within(x []float32) []float32 {
	for i, v := range x {
		x[i] = max(-127*actScale, min(127*actScale, v))
	}
	return x
}

// tame scales the multipliers as newNetwork describes, and sets outStep.
func (n *network) tame() {
	inputs := make([][]int8, len(n.samples))
	for i, x := range n.samples {
		inputs[i] = n.levels(x)
	}
	for k, l := range n.Layers {
		sums := make([]int32, l.Out)
		highest, lowest := float32(0), float32(0)
		for _, x := range inputs {
			reference.Sums(sums, l, x)
			for o, acc := range sums {
				v := float32(acc) * l.Mult[o]
				highest, lowest = max(highest, v), min(lowest, v)
			}
		}
		if k == len(n.Layers)-1 {
			n.outStep = 1 / fit(max(highest, -lowest))
			return
		}
		by := fit(highest)
		for o := range l.Mult {
			l.Mult[o] *= by
		}
		for i, x := range inputs {
			reference.Sums(sums, l, x)
			inputs[i] = make([]int8, l.Out)
			for o, acc := range sums {
				inputs[i][o] = reference.Requantise(acc, l.Mult[o])
			}
		}
	}
}

// fit is the power of two that brings v, above 0, between 63.5 and 127.
func fit(v float32) float32 {
	by := float32(1)
	for ; v*by > 127; by /= 2 {
	}
	for ; v*by <= 63.5; by *= 2 {
	}
	return by
}

// weightScales are the scales of layer k's weights by output channel, such that
// input scale * weight scale / output scale is the layer's multiplier without a
// rounding; the last layer's output scale is 1.
func (n *network) weightScales(k int) []float32 {
	l := n.Layers[k]
	scales := make([]float32, l.Out)
	for o, m := range l.Mult {
		scales[o] = m
		if k == len(n.Layers)-1 {
			scales[o] = m / actScale
		}
	}
	return scales
}

// want returns what the naive loop computes from a sample: float32 (Out).
func (n *network) want(sample []float32) []float32 {
	y := make([]float32, n.Out())
	n.Naive(y, sample)
	return y
}

// steps rounds an output to int8 steps of outStep, as engines do whose last layer has
// eight bits.
func (n *network) steps(y []float32) []float32 {
	q := make([]float32, len(y))
	for i, v := range y {
		q[i] = float32(max(-128, min(127, math.RoundToEven(float64(v/n.outStep))))) * n.outStep
	}
	return q
}

// levels is a sample as int8.
func (n *network) levels(sample []float32) []int8 {
	q := make([]int8, len(sample))
	n.Input.Quantise(q, sample)
	return q
}

package reference

import (
	"math"

	"iot-edge-anomaly/quant"
)

// This file has the equations of package quant as they are written there.

// Quantise is equation (2).
func Quantise(x, scale float32) int8 {
	v := x / scale
	if math.IsNaN(float64(v)) {
		return 0
	}
	return int8(max(-127, min(127, math.RoundToEven(float64(v)))))
}

// Sums is equation (3): acc (Out) from x (In).
func Sums(acc []int32, l quant.Layer, x []int8) {
	for o := 0; o < l.Out; o++ {
		acc[o] = l.Bias[o]
		for k := 0; k < l.In; k++ {
			acc[o] += int32(l.Weights[o*l.In+k]) * int32(x[k])
		}
	}
}

// Requantise is equation (5).
func Requantise(acc int32, m float32) int8 {
	v := float32(float32(acc) * m)
	return int8(max(0, min(127, math.RoundToEven(float64(v)))))
}

// Naive runs the network as a triple loop: src (In) to dst (Out). It is the slowest entry of
// every comparison. It allocates nothing.
func (n *Network) Naive(dst, src []float32) {
	x, y := n.a, n.b
	for i := 0; i < n.In(); i++ {
		x[i] = Quantise(src[i], n.Input.Scale)
	}
	for i, l := range n.Layers {
		for o := 0; o < l.Out; o++ {
			acc := l.Bias[o]
			for k := 0; k < l.In; k++ {
				acc += int32(l.Weights[o*l.In+k]) * int32(x[k])
			}
			if i == len(n.Layers)-1 {
				dst[o] = float32(float32(acc) * l.Mult[o]) // (6)
			} else {
				y[o] = Requantise(acc, l.Mult[o])
			}
		}
		x, y = y, x
	}
}

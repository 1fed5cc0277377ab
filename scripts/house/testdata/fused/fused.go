// Package fused holds what the path from a row to an event must not contain.
// The test that searches for fused multiply-adds must find each of them here.
package fused

import "math"

// Dot is a sum of products without conversions. On arm64 the compiler fuses it.
func Dot(a, b []float32) (sum float32) {
	for i, v := range a {
		sum += v * b[i]
	}
	return sum
}

// FMA asks for a fused multiply-add, on every CPU.
func FMA(x, y, z float64) float64 { return math.FMA(x, y, z) }

// Vector fuses in assembly.
func Vector()

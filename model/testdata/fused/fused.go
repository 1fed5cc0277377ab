// Package fused holds what package model must never hold: a sum of products
// that a compiler for arm64 fuses. The test that looks for it is tested on it.
package fused

// Dot is rounded once per step on arm64 and twice elsewhere.
func Dot(a, b []float32) (sum float32) {
	for i, v := range a {
		sum += v * b[i]
	}
	return sum
}

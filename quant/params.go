package quant

import (
	"fmt"
	"math"
	"unsafe"
)

const (
	minScale = 0x1p-126 // (8): the smallest normal float32
	maxScale = 0x1p+96  // (8): 2^31 * 2^96 < the largest float32
	maxLevel = 127
)

// Params says what an int8 number stands for: real = Scale*q, equation (1).
// The zero value is not usable; NewNetwork refuses it. A Params is a value and
// safe for concurrent use.
type Params struct {
	Scale float32 // real units per step; 2^-126 to 2^96
}

// Fit returns the Params with the smallest scale that represent |x| <= maxAbs without
// clamping. If maxAbs is zero, NaN, infinite or too small to divide, the scale is 1.
func Fit(maxAbs float32) Params {
	s := float32(maxAbs / maxLevel)
	if checkScale(s) != nil {
		s = 1
	}
	return Params{Scale: s}
}

// Quantise sets dst[i] to clamp(roundHalfEven(src[i]/p.Scale), -127, 127),
// equation (2), for every i of src; NaN becomes 0. dst is at least as long as
// src. It uses the kernel in use; all kernels give the same bytes.
func (p Params) Quantise(dst []int8, src []float32) {
	dst = dst[:len(src)]
	k := inUse
	if k == nil || k.quantise == nil || len(src) < k.lanes {
		p.quantise(dst, src)
		return
	}
	d, s := unsafe.SliceData(dst), unsafe.SliceData(src)
	whole := len(src) / k.lanes * k.lanes
	k.quantise(d, s, whole, p.Scale)
	if whole < len(src) { // a last vector that ends at the last value
		k.quantise(&dst[len(src)-k.lanes], &src[len(src)-k.lanes], k.lanes, p.Scale)
	}
}

// quantise is Quantise as the portable loop.
func (p Params) quantise(dst []int8, src []float32) {
	for i, x := range src {
		dst[i] = roundSigned(float32(x / p.Scale))
	}
}

// Dequantise sets dst[i] to p.Scale*src[i], equation (1), for every i of src.
// dst is at least as long as src.
func (p Params) Dequantise(dst []float32, src []int8) {
	dst = dst[:len(src)]
	for i, q := range src {
		dst[i] = float32(p.Scale * float32(q))
	}
}

// roundSigned returns clamp(roundHalfEven(v), -127, 127), and 0 for NaN. Adding 1.5*2^23
// to |v| <= 127 gives a sum in the range where adjacent float32 numbers are 1 apart: the
// addition itself rounds half to even, and the low byte of the sum is the integer.
// Worked: -2.5 + 12582912 = 12582909.5 -> 12582910 = 0x4B3FFFFE, low byte -2.
func roundSigned(v float32) int8 {
	switch {
	case v >= maxLevel:
		return maxLevel
	case v <= -maxLevel:
		return -maxLevel
	case v != v:
		return 0
	}
	return int8(math.Float32bits(v + 0x1.8p23))
}

// requantise is equation (5). Clamping the integer at 0 equals ReLU of the product,
// because m > 0. Adding 2^23 rounds half to even as in roundSigned. The conversion around
// the product prevents fusing it with the addition.
// Worked: acc 5, m 0.5: 2.5 + 8388608 -> 8388610, low byte 2.
func requantise(acc int32, m float32) int8 {
	v := float32(float32(acc&^(acc>>31)) * m)
	if v > maxLevel {
		v = maxLevel
	}
	return int8(math.Float32bits(v + 0x1p23))
}

// checkScale checks bound (8) for a scale or multiplier.
func checkScale(s float32) error {
	if s >= minScale && s <= maxScale {
		return nil
	}
	return fmt.Errorf("%g is not within 2^-126 to 2^96", s)
}

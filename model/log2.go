package model

import "math"

var log2Terms = [...]float64{1.0 / 15, 1.0 / 13, 1.0 / 11, 1.0 / 9, 1.0 / 7, 1.0 / 5, 1.0 / 3, 1}

// log2 returns the binary logarithm of x > 0, within 1e-12, with the same bits
// on every CPU; math.Log has not, because it is assembly on some. It computes
// e + 2/ln 2 * (t + t³/3 + t⁵/5 + …) with t = (m-1)/(m+1), x = m * 2^e and m from
// √½ to √2. An x that is not above 0 counts as the smallest positive number.
func log2(x float64) float64 {
	if !(x > math.SmallestNonzeroFloat64) {
		x = math.SmallestNonzeroFloat64
	}
	m, e := math.Frexp(min(x, math.MaxFloat64))
	if m < math.Sqrt2/2 {
		m, e = 2*m, e-1
	}
	t := (m - 1) / (m + 1)
	square := float64(t * t)
	sum := 1.0 / 17
	for _, c := range log2Terms {
		sum = float64(sum*square) + c
	}
	return float64(e) + float64(float64(2/math.Ln2*t)*sum)
}

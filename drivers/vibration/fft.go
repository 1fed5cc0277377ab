package vibration

import "math"

// transform computes the power spectrum of n real samples, n a power of two, by a
// complex transform of half the length (Press et al., Numerical Recipes, 3rd ed.,
// §12.3.2). It owns its scratch memory and allocates nothing.
type transform struct {
	n        int
	cos, sin []float64 // (n/2) of -2 pi k/n
	swap     []int32   // (n/2) bit-reversed indices
	re, im   []float64 // (n/2)
}

func newTransform(n int) *transform {
	m := n / 2
	t := &transform{n: n, cos: make([]float64, m), sin: make([]float64, m), swap: make([]int32, m),
		re: make([]float64, m), im: make([]float64, m)}
	for k := range m {
		t.sin[k], t.cos[k] = math.Sincos(-2 * math.Pi * float64(k) / float64(n))
	}
	for i, j := 1, 0; i < m; i++ {
		bit := m >> 1
		for ; j&bit != 0; bit >>= 1 {
			j ^= bit
		}
		j ^= bit
		t.swap[i] = int32(j)
	}
	return t
}

// power writes |X_k|² for k = 0 to n/2 into dst (n/2+1) for x (n).
func (t *transform) power(dst, x []float64) {
	for i, j := range t.swap {
		t.re[i], t.im[i] = x[2*j], x[2*j+1]
	}
	t.butterflies()
	// X_k = E_k + W^k O_k, where E and O are the transforms of the even and the odd
	// samples. The symmetry of Z separates them.
	m := t.n / 2
	dst[0] = square(t.re[0]+t.im[0], 0)
	dst[m] = square(t.re[0]-t.im[0], 0)
	for k := 1; k < m; k++ {
		er, ei := (t.re[k]+t.re[m-k])/2, (t.im[k]-t.im[m-k])/2
		or, oi := (t.im[k]+t.im[m-k])/2, (t.re[m-k]-t.re[k])/2
		r, i := times(or, oi, t.cos[k], t.sin[k])
		dst[k] = square(er+r, ei+i)
	}
}

// butterflies transforms re and im, which are in bit-reversed order, in place.
func (t *transform) butterflies() {
	m := t.n / 2
	for size := 2; size <= m; size *= 2 {
		half, stride := size/2, t.n/size
		for start := 0; start < m; start += size {
			for k := range half {
				a, b := start+k, start+k+half
				r, i := times(t.re[b], t.im[b], t.cos[k*stride], t.sin[k*stride])
				t.re[a], t.re[b] = t.re[a]+r, t.re[a]-r
				t.im[a], t.im[b] = t.im[a]+i, t.im[a]-i
			}
		}
	}
}

// times is (a+bi)(c+di). The conversions prevent fused multiply-adds.
func times(a, b, c, d float64) (re, im float64) {
	return float64(a*c) - float64(b*d), float64(a*d) + float64(b*c)
}

func square(re, im float64) float64 { return float64(re*re) + float64(im*im) }

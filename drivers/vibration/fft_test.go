package vibration

import (
	"math"
	"math/cmplx"
	"math/rand/v2"
	"testing"
)

// direct is the discrete Fourier transform by its definition.
func direct(x []float64) []complex128 {
	out := make([]complex128, len(x)/2+1)
	for k := range out {
		for i, v := range x {
			out[k] += complex(v, 0) * cmplx.Rect(1, -2*math.Pi*float64(k)*float64(i)/float64(len(x)))
		}
	}
	return out
}

func noise(n int, seed uint64) []float64 {
	r := rand.New(rand.NewPCG(seed, 1))
	x := make([]float64, n)
	for i := range x {
		x[i] = r.NormFloat64()
	}
	return x
}

func TestTransform_direct(t *testing.T) {
	for _, n := range []int{4, 8, 32, 256, 1024} {
		x := noise(n, uint64(n))
		x[0] += 3 // something at every line, and at 0 and n/2
		got := make([]float64, n/2+1)
		newTransform(n).power(got, x)
		for k, want := range direct(x) {
			w := real(want)*real(want) + imag(want)*imag(want)
			if math.Abs(got[k]-w) > 1e-10*float64(n)*(1+w) {
				t.Errorf("n %d line %d: %v, want %v", n, k, got[k], w)
			}
		}
	}
}

// Parseval: sum x² = (|X_0|² + 2 sum |X_k|² + |X_n/2|²) / n.
func TestTransform_parseval(t *testing.T) {
	const n = 1 << 15
	x := noise(n, 7)
	p := make([]float64, n/2+1)
	newTransform(n).power(p, x)
	var time, lines float64
	for _, v := range x {
		time += v * v
	}
	for k, v := range p {
		if k > 0 && k < n/2 {
			v *= 2
		}
		lines += v / n
	}
	if math.Abs(lines/time-1) > 1e-12 {
		t.Errorf("%v in time, %v in lines", time, lines)
	}
}

// The second use of a transform is not of the first one's scratch.
func TestTransform_again(t *testing.T) {
	tr := newTransform(64)
	a, b := make([]float64, 33), make([]float64, 33)
	x := noise(64, 3)
	tr.power(a, x)
	tr.power(b, noise(64, 4))
	tr.power(b, x)
	for k := range a {
		if a[k] != b[k] {
			t.Fatalf("line %d: %v then %v", k, a[k], b[k])
		}
	}
}

func BenchmarkFeatures(b *testing.B) {
	const n = 4096
	a := newAnalysis(n, 4000, [][2]float64{{10, 200}, {200, 1000}, {1000, 1500}})
	x := noise(n, 1)
	dst := make([]float64, firstBand+3)
	b.ReportAllocs()
	for b.Loop() {
		a.features(dst, x)
	}
}

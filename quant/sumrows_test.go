package quant

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"
)

// naiveSumRows is equation (9) as it is written.
func naiveSumRows(dst, rows, weights []float32) {
	for i := range dst {
		dst[i] = 0
		for j, w := range weights {
			dst[i] += float32(rows[j*len(dst)+i] * w)
		}
	}
}

func sameFloats(a, b []float32) bool {
	for i, v := range a {
		if math.Float32bits(v) != math.Float32bits(b[i]) && (v == v || b[i] == b[i]) {
			return false
		}
	}
	return true
}

// TestSumRows compares each kernel with the equation for all widths up to 150, all heights
// up to 40 and values of any size, at addresses that are not aligned for vectors.
func TestSumRows(t *testing.T) {
	onKernels(t, func(name string) {
		r := rand.New(rand.NewPCG(3, 4))
		value := func() float32 {
			if r.IntN(20) == 0 {
				return math.Float32frombits(r.Uint32()) // subnormal, infinite, NaN
			}
			return float32(r.NormFloat64())
		}
		for n := range 151 {
			for range 12 {
				count, off := r.IntN(40), r.IntN(4)
				rows, weights := make([]float32, off+n*count), make([]float32, off+count)
				for i := range rows {
					rows[i] = value()
				}
				for i := range weights {
					weights[i] = value()
				}
				got, want := make([]float32, off+n+1), make([]float32, n)
				got[off+n] = 77
				SumRows(got[off:off+n], rows[off:], weights[off:])
				naiveSumRows(want, rows[off:], weights[off:])
				if !sameFloats(want, got[off:]) {
					t.Fatalf("%s, %dx%d:\ngot  %v\nwant %v", name, count, n, got[off:], want)
				}
				if got[off+n] != 77 {
					t.Fatalf("%s, %dx%d: the value behind is written", name, count, n)
				}
			}
		}
		dst, rows, weights := make([]float32, 52), make([]float32, 52*52), make([]float32, 52)
		if a := testing.AllocsPerRun(100, func() { SumRows(dst, rows, weights) }); a != 0 {
			t.Errorf("%s: %v allocations", name, a)
		}
	})
}

// FuzzSumRows compares the kernels for any bits.
func FuzzSumRows(f *testing.F) {
	f.Add([]byte("\x00\x00\x80\x3f\x00\x00\x00\x40\x01\x00\x00\x00\x00\x00\x80\x7f"), uint8(1))
	f.Add(make([]byte, 4*(9*3+3)), uint8(9))
	f.Fuzz(func(t *testing.T, raw []byte, width uint8) {
		v := make([]float32, len(raw)/4)
		for i := range v {
			v[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
		}
		n := int(width)
		count := len(v) / (n + 1)
		rows, weights := v[:n*count], v[n*count:(n+1)*count]
		got, want := make([]float32, n), make([]float32, n)
		naiveSumRows(want, rows, weights)
		onKernels(t, func(name string) {
			if SumRows(got, rows, weights); !sameFloats(want, got) {
				t.Fatalf("%s, %dx%d:\ngot  %v\nwant %v", name, count, n, got, want)
			}
		})
	})
}

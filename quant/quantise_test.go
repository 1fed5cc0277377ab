package quant

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// onKernels runs f with every kernel of this CPU.
func onKernels(t *testing.T, f func(name string)) {
	t.Helper()
	before := inUse
	defer func() { inUse = before }()
	for _, name := range Kernels() {
		if err := Use(name); err != nil {
			t.Fatal(err)
		}
		f(name)
	}
}

// turns are the values where equation (2) changes its result, in units of the scale.
var turns = []float32{0, float32(math.Copysign(0, -1)), inf, -inf, nan, 126.5, -126.5, 127, -127, 127.5, -127.5, 128, -128, 0.5, -0.5,
	1.5, 2.5, -1.5, 0x1p31, -0x1p31, 0x1p40, math.MaxFloat32, -math.MaxFloat32, math.SmallestNonzeroFloat32, -0x1p-140, math.Float32frombits(0xffc00055)}

// TestQuantise_kernels compares equation (2) of each kernel with the portable loop, for
// random bits and for values where the result changes, for every number of values up to
// four times the lanes plus a tail, at addresses that are not aligned for vectors.
func TestQuantise_kernels(t *testing.T) {
	onKernels(t, func(name string) {
		const most = 4*64 + 63
		r := rand.New(rand.NewPCG(1, 2))
		src, got, want := make([]float32, most+3), make([]int8, most+6), make([]int8, most)
		for pass := range 20 * most {
			p := Params{[]float32{1, 0.3, 0x1p-20, minScale, maxScale, 3.1415927}[pass%6]}
			for j := range src {
				switch r.IntN(4) {
				case 0:
					src[j] = turns[r.IntN(len(turns))] * p.Scale
				case 1:
					src[j] = math.Float32frombits(r.Uint32())
				default:
					src[j] = float32(r.NormFloat64()*80) * p.Scale
				}
			}
			n, from, to := pass%most, r.IntN(4), r.IntN(4)
			for j := range got {
				got[j] = 99
			}
			p.Quantise(got[to:], src[from:from+n])
			p.quantise(want[:n], src[from:from+n])
			if !slices.Equal(got[to:to+n], want[:n]) {
				t.Fatalf("%s, scale %g: %v\ngot  %v\nwant %v", name, p.Scale, src[from:from+n], got[to:to+n], want[:n])
			}
			for j, v := range got {
				if (j < to || j >= to+n) && v != 99 {
					t.Fatalf("%s, %d values at %d: byte %d is written", name, n, to, j)
				}
			}
		}
	})
}

// TestQuantise_halves tests values on both sides of every half, where a product with the
// reciprocal of the scale would round to the other side than the quotient.
func TestQuantise_halves(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	onKernels(t, func(name string) {
		differ := 0
		for pass := range 400 {
			p := Params{math.Float32frombits(math.Float32bits(0x1p-10) + r.Uint32N(20<<23))}
			if pass < 2 {
				p.Scale = []float32{minScale, maxScale}[pass]
			}
			var src []float32
			for q := -129; q <= 129; q++ {
				half := float32((float64(q) + 0.5) * float64(p.Scale))
				for step := range 9 {
					src = append(src, math.Float32frombits(math.Float32bits(half)+uint32(step)-4))
				}
			}
			got, want := make([]int8, len(src)), make([]int8, len(src))
			p.Quantise(got, src)
			p.quantise(want, src)
			for i, v := range want {
				if got[i] != v {
					t.Fatalf("%s, scale %g: %g becomes %d, want %d", name, p.Scale, src[i], got[i], v)
				}
				if roundSigned(src[i]*(1/p.Scale)) != v {
					differ++
				}
			}
		}
		if differ == 0 {
			t.Error("no value tells the product from the quotient")
		}
	})
}

// FuzzQuantise compares the kernels for any bits and any scale.
func FuzzQuantise(f *testing.F) {
	var seed []byte
	for _, v := range turns {
		seed = binary.LittleEndian.AppendUint32(seed, math.Float32bits(v))
	}
	f.Add(seed, float32(1))
	f.Add(seed, float32(0.0315))
	f.Add(seed[:17], float32(minScale))
	f.Fuzz(func(t *testing.T, raw []byte, scale float32) {
		src := make([]float32, len(raw)/4)
		for i := range src {
			src[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
		}
		p, got, want := Fit(127*scale), make([]int8, len(src)), make([]int8, len(src))
		p.quantise(want, src)
		onKernels(t, func(name string) {
			if p.Quantise(got, src); !slices.Equal(got, want) {
				t.Fatalf("%s, scale %g: %v\ngot  %v\nwant %v", name, p.Scale, src, got, want)
			}
		})
	})
}

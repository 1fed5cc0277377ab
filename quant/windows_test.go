package quant_test

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"iot-edge-anomaly/quant"
	"iot-edge-anomaly/quant/reference"
)

// compareFour compares Forward4 with four calls of Forward, for every distance of the
// windows up to their size.
func compareFour(t *testing.T, ref *reference.Network, src []float32, steps ...int) {
	t.Helper()
	n, err := ref.Build()
	if err != nil {
		t.Fatal(err)
	}
	in, out := n.In(), n.Out()
	want, one := make([]float32, quant.Windows*out), make([]float32, out+1)
	quantised := make([]int8, len(src))
	ref.Input.Quantise(quantised, src)
	for _, step := range steps {
		for w := range quant.Windows {
			n.Forward(one, src[w*step:w*step+in])
			copy(want[w*out:], one[:out])
		}
		got := make([]float32, len(want)+1)
		got[len(want)] = 77
		n.Forward4(got, src, step)
		if i := firstOther(got, want); i >= 0 || got[len(want)] != 77 {
			t.Fatalf("%d to %d, step %d: value %d is %g, want %g; after the last %g", in, out, step, i, got[max(i, 0)], want[max(i, 0)], got[len(want)])
		}
		clear(got)
		n.Forward4Quantised(got, quantised, step)
		if i := firstOther(got, want); i >= 0 {
			t.Fatalf("%d to %d, step %d, quantised: value %d is %g, want %g", in, out, step, i, got[i], want[i])
		}
	}
}

func firstOther(got, want []float32) int {
	for i, v := range want {
		if math.Float32bits(got[i]) != math.Float32bits(v) {
			return i
		}
	}
	return -1
}

func samples(ref *reference.Network, n int) []float32 {
	var x []float32
	for seed := uint64(0); len(x) < n; seed++ {
		x = append(x, ref.Sample(seed)...)
	}
	return x[:n]
}

func TestForward4_allShapes(t *testing.T) { eachKernel(t, testFourShapes) }

func testFourShapes(t *testing.T) {
	for in := 1; in <= 70; in++ {
		for out := 1; out <= 70; out++ {
			ref := reference.Random(uint64(in*100+out), in, out)
			compareFour(t, ref, samples(ref, 4*in), in, (in*7+out)%in)
		}
	}
}

func TestForward4_layers(t *testing.T) { eachKernel(t, testFourLayers) }

func testFourLayers(t *testing.T) {
	for _, name := range reference.Names() {
		ref, err := reference.New(name)
		if err != nil {
			t.Fatal(err)
		}
		compareFour(t, ref, samples(ref, 4*ref.In()), ref.In(), 0, 1, 7, 64)
	}
	for seed, widths := range [][]int{{1, 1}, {5, 3, 1, 7}, {33, 31, 9, 31, 33}, {17, 100, 2, 45}, {130, 97, 49, 33, 130}, {3000, 15, 200}} {
		ref := reference.Random(uint64(seed), widths...)
		compareFour(t, ref, samples(ref, 4*ref.In()), ref.In(), 1, ref.In()/2)
	}
}

// Windows do not affect each other: extremes beside zeros, and NaN.
func TestForward4_extremes(t *testing.T) { eachKernel(t, testFourExtremes) }

func testFourExtremes(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 9))
	inf := float32(math.Inf(1))
	special := []float32{0, 1e30, -1e30, inf, -inf, float32(math.NaN()), 4, -4}
	for pass := range 40 {
		ref := reference.Random(uint64(pass), 1+r.IntN(200), 1+r.IntN(90), 1+r.IntN(200))
		for l := range ref.Layers {
			for i := range ref.Layers[l].Weights {
				ref.Layers[l].Weights[i] = []int8{-127, 127, 0}[r.IntN(3)]
			}
			for o := range ref.Layers[l].Bias { // to bound (7), either side
				left := math.MaxInt32 - ref.Layers[l].In*127*127
				ref.Layers[l].Bias[o] = int32(left * (1 - 2*r.IntN(2)))
			}
		}
		src := make([]float32, 4*ref.In())
		for i := range src {
			src[i] = special[r.IntN(len(special))]
		}
		compareFour(t, ref, src, ref.In(), r.IntN(ref.In()))
	}
}

func TestForward4_allocs(t *testing.T) { eachKernel(t, testFourAllocs) }

func testFourAllocs(t *testing.T) {
	for _, ref := range []*reference.Network{reference.Random(1, 37, 11, 13), reference.Random(1, 64, 32, 64)} {
		n, err := ref.Build()
		if err != nil {
			t.Fatal(err)
		}
		src, dst := samples(ref, 4*ref.In()), make([]float32, 4*ref.Out())
		if a := testing.AllocsPerRun(100, func() { n.Forward4(dst, src, 5) }); a != 0 {
			t.Errorf("%v allocations a call", a)
		}
	}
}

// Clones share weights, but not the memory of the windows; the step may change.
func TestForward4_clone(t *testing.T) { eachKernel(t, testFourClone) }

func testFourClone(t *testing.T) {
	ref := reference.Random(5, 40, 20, 40)
	n, err := ref.Build()
	if err != nil {
		t.Fatal(err)
	}
	src, other := samples(ref, 160), ref.Sample(9)
	want, got, scrap := make([]float32, 160), make([]float32, 160), make([]float32, 160)
	n.Forward4(want, src, 40)
	c := n.Clone()
	c.Forward4(scrap, append(other, other...)[:55], 5)
	n.Forward4(scrap, src, 3)
	n.Forward4(got, src, 40)
	if !slices.Equal(got, want) {
		t.Error("other results after a clone and another step")
	}
	defer func() {
		if recover() == nil {
			t.Error("no panic where a window ends beyond the source")
		}
	}()
	n.Forward4(got, src, 41)
}

// FuzzForward4 runs four windows of any bits, at any distance, through a network of three
// layers.
func FuzzForward4(f *testing.F) {
	f.Add(uint8(48), uint8(32), uint8(6), uint8(6), uint64(1), []byte{0, 0, 0x80, 0x3f, 7})
	f.Add(uint8(1), uint8(1), uint8(1), uint8(0), uint64(2), []byte{0, 0, 0xc0, 0x7f})
	f.Add(uint8(255), uint8(65), uint8(250), uint8(255), uint64(3), []byte("any bytes at all"))
	f.Fuzz(func(t *testing.T, in, hidden, out, step uint8, seed uint64, data []byte) {
		if in == 0 || hidden == 0 || out == 0 || len(data) < 4 {
			return
		}
		high := 256 * int(seed&1) // the height of a block
		ref := reference.Random(seed, int(in), int(hidden)+high, int(out)+high)
		src := make([]float32, 3*int(step)+int(in))
		for i := range src {
			at := 4 * i % (len(data) - 3)
			src[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[at:]))
		}
		for _, k := range quant.Kernels() {
			use(t, k)
			compareFour(t, ref, src, int(step))
		}
	})
}

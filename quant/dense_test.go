package quant_test

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"iot-edge-anomaly/quant"
	"iot-edge-anomaly/quant/reference"
)

// use makes the kernel the one in use until the test ends.
func use(t *testing.T, kernel string) {
	t.Helper()
	before := quant.Kernel()
	if err := quant.Use(kernel); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := quant.Use(before); err != nil {
			t.Error(err)
		}
	})
}

// eachKernel runs f with every kernel of this build. Kernels that the CPU cannot run are
// skipped by name: testing them takes another CPU, or qemu.
func eachKernel(t *testing.T, f func(*testing.T)) {
	for _, k := range quant.AllKernels() {
		t.Run(k, func(t *testing.T) {
			if !slices.Contains(quant.Kernels(), k) {
				t.Skip(quant.Use(k))
			}
			use(t, k)
			f(t)
		})
	}
}

// compare runs one layer with input x (In) by the reference loop and by Dense, as a hidden
// and as a last layer, with slices that begin off bytes into their arrays.
func compare(t *testing.T, l quant.Layer, x []int8, off int) {
	t.Helper()
	d, err := l.Dense()
	if err != nil {
		t.Fatal(err)
	}
	acc := make([]int32, l.Out)
	reference.Sums(acc, l, x)
	src := append(make([]int8, off), x...)
	src = append(src, 99) // not to be read
	hidden := make([]int8, off+l.Out+1)
	last := make([]float32, off+l.Out+1)
	hidden[off+l.Out], last[off+l.Out] = 77, 77
	d.Forward(hidden[off:], src[off:])
	d.ForwardFloat(last[off:], src[off:])
	for o, a := range acc {
		if got, want := hidden[off+o], reference.Requantise(a, l.Mult[o]); got != want {
			t.Fatalf("%dx%d row %d: Forward = %d, want %d", l.Out, l.In, o, got, want)
		}
		if got, want := last[off+o], float32(float32(a)*l.Mult[o]); got != want {
			t.Fatalf("%dx%d row %d: ForwardFloat = %g, want %g", l.Out, l.In, o, got, want)
		}
	}
	if hidden[off+l.Out] != 77 || last[off+l.Out] != 77 {
		t.Fatalf("%dx%d: wrote past the last output", l.Out, l.In)
	}
}

func values(r *rand.Rand, n int) []int8 {
	x := make([]int8, n)
	for i := range x {
		x[i] = int8(r.IntN(255) - 127)
	}
	return x
}

func TestDense_allShapes(t *testing.T) { eachKernel(t, testAllShapes) }

func testAllShapes(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	for in := 1; in <= 70; in++ {
		for out := 1; out <= 70; out++ {
			l := reference.Random(uint64(in*100+out), in, out).Layers[0]
			compare(t, l, values(r, in), (in+out)%17)
		}
	}
}

// Numbers of rows that use blocks of every height, with and without a remainder, for one
// window and for four, as a hidden and as a last layer.
func TestDense_blocks(t *testing.T) { eachKernel(t, testBlocks) }

func testBlocks(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	for _, in := range []int{1, 8, 9, 61} {
		for out := 250; out <= 640; out += 1 + r.IntN(9) {
			ref := reference.Random(uint64(in*1000+out), in, out, 3)
			compare(t, ref.Layers[0], values(r, in), out%17)
			compareFour(t, ref, samples(ref, 4*in), in)
			ref = reference.Random(uint64(out), in, out)
			compareFour(t, ref, samples(ref, 4*in), in)
		}
	}
}

func TestDense_large(t *testing.T) { eachKernel(t, testLarge) }

func testLarge(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 8))
	for _, s := range [][2]int{{1024, 256}, {4099, 5}, {333, 777}, {quant.MaxWidth, 1}, {1, 5000}} {
		l := reference.Random(uint64(s[0]), s[0], s[1]).Layers[0]
		compare(t, l, values(r, s[0]), 3)
	}
}

// All products of one sign: with MaxWidth inputs this reaches bound (7) itself.
func TestDense_extremes(t *testing.T) { eachKernel(t, testExtremes) }

func testExtremes(t *testing.T) {
	for _, in := range []int{1, 31, 64, 1000, quant.MaxWidth} {
		for _, sign := range [][2]int8{{127, 127}, {127, -127}, {-127, 127}, {-127, -127}} {
			bias := int32(math.MaxInt32 - int64(in)*127*127)
			if int(sign[0])*int(sign[1]) < 0 {
				bias = -bias
			}
			l := quant.Layer{In: in, Out: 1, Weights: make([]int8, in),
				Bias: []int32{bias}, Mult: []float32{0x1p-20}}
			x := make([]int8, in)
			for k := range x {
				l.Weights[k], x[k] = sign[0], sign[1]
			}
			compare(t, l, x, 1)
			d, _ := l.Dense()
			y := make([]float32, 1)
			d.ForwardFloat(y, x)
			if got := math.Abs(float64(y[0])); got != 0x1p11 { // 2^31 * 2^-20
				t.Errorf("%d inputs: |y| = %g, want 2048", in, got)
			}
		}
	}
}

// Worked from equations (3), (5), (6): acc0 = 10 + 2*3 - 4*5 = -4, acc1 = 1 +
// 1*3 + 1*5 = 9; 9*0.5 = 4.5 ties to 4.
func TestDense_worked(t *testing.T) { eachKernel(t, testWorked) }

func testWorked(t *testing.T) {
	d, err := quant.NewDense(2, 2, []int8{2, -4, 1, 1}, []int32{10, 1}, []float32{0.25, 0.5})
	if err != nil {
		t.Fatal(err)
	}
	q, y := make([]int8, 2), make([]float32, 2)
	d.Forward(q, []int8{3, 5})
	d.ForwardFloat(y, []int8{3, 5})
	if q[0] != 0 || q[1] != 4 || y[0] != -1 || y[1] != 4.5 {
		t.Errorf("got %v %v, want [0 4] [-1 4.5]", q, y)
	}
	if d.In() != 2 || d.Out() != 2 {
		t.Errorf("shape %dx%d, want 2x2", d.Out(), d.In())
	}
}

func TestNewDense_refuses(t *testing.T) {
	type args struct {
		in, out int
		w       []int8
		b       []int32
		m       []float32
	}
	for name, c := range map[string]struct {
		change func(*args)
		want   string
	}{
		"no inputs":        {func(a *args) { a.in = 0 }, "0 inputs"},
		"too many inputs":  {func(a *args) { a.in = quant.MaxWidth + 1 }, "131073 inputs"},
		"no outputs":       {func(a *args) { a.out = -1 }, "-1 outputs"},
		"too many outputs": {func(a *args) { a.out = 1 << 30 }, "1073741824 outputs"},
		"product above 32": {func(a *args) { a.in, a.out = 1<<16, 1<<16 }, "4 weights, want 4294967296"},
		"weights short":    {func(a *args) { a.w = a.w[:3] }, "3 weights, want 4"},
		"bias long":        {func(a *args) { a.b = append(a.b, 1) }, "3 biases, want 2"},
		"mult short":       {func(a *args) { a.m = nil }, "0 multipliers, want 2"},
		"mult zero":        {func(a *args) { a.m[1] = 0 }, "row 1: multiplier 0 is not"},
		"mult negative":    {func(a *args) { a.m[0] = -1 }, "row 0: multiplier -1 is not"},
		"mult NaN":         {func(a *args) { a.m[0] = float32(math.NaN()) }, "multiplier NaN is not"},
		"mult Inf":         {func(a *args) { a.m[0] = float32(math.Inf(1)) }, "multiplier +Inf is not"},
		"mult subnormal":   {func(a *args) { a.m[0] = 1e-39 }, "multiplier 1e-39 is not"},
		"mult huge":        {func(a *args) { a.m[0] = 1e30 }, "multiplier 1e+30 is not"},
		"weight -128":      {func(a *args) { a.w[3] = -128 }, "row 1: weight 1 is -128"},
		"overflow":         {func(a *args) { a.b[1] = math.MaxInt32 - 888 }, "row 1: accumulator may reach 2147483648"},
		"overflow below":   {func(a *args) { a.b[1] = math.MinInt32 }, "row 1: accumulator may reach 2147484537"},
	} {
		t.Run(name, func(t *testing.T) {
			a := args{2, 2, []int8{1, 2, -3, 4}, []int32{5, 6}, []float32{1, 1}}
			c.change(&a)
			_, err := quant.NewDense(a.in, a.out, a.w, a.b, a.m)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
	// the last bias that fits: 7*127 = 889, and 2^31-1-889
	if _, err := quant.NewDense(2, 1, []int8{-3, 4}, []int32{math.MaxInt32 - 889}, []float32{1}); err != nil {
		t.Errorf("at the bound: %v", err)
	}
}

// FuzzDense compares layers whose shape, weights, biases, multipliers and
// inputs all come from the fuzzer's bytes.
func FuzzDense(f *testing.F) {
	f.Add(uint8(3), uint8(5), uint8(1), []byte{1, 2, 255, 128, 0, 77})
	f.Add(uint8(64), uint8(9), uint8(0), []byte("seventeen bytes..."))
	f.Add(uint8(1), uint8(1), uint8(15), []byte{129})
	f.Add(uint8(17), uint8(113), uint8(200), []byte("sixty bytes or more, or less"))
	f.Fuzz(func(t *testing.T, in, out, off uint8, data []byte) {
		if in == 0 || out == 0 || len(data) == 0 {
			return
		}
		at := 0
		next := func() byte { at++; return data[(at*7+at/len(data))%len(data)] + byte(at/len(data)) }
		value := func() int8 { return max(int8(next()), -127) }
		n, m := int(in), int(out)
		if off >= 128 {
			m += 256 // the height of a block
		}
		l := quant.Layer{In: n, Out: m, Weights: make([]int8, n*m), Bias: make([]int32, m), Mult: make([]float32, m)}
		for i := range l.Weights {
			l.Weights[i] = value()
		}
		for o := range m {
			l.Bias[o] = int32(binary.LittleEndian.Uint32([]byte{next(), next(), next(), next()})) / 2
			l.Mult[o] = float32(math.Ldexp(1+float64(next())/256, -int(next()%40)))
		}
		x := make([]int8, n)
		for k := range x {
			x[k] = value()
		}
		for _, k := range quant.Kernels() {
			use(t, k)
			compare(t, l, x, int(off%32))
		}
	})
}

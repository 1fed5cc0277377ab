package quant_test

import (
	"encoding/binary"
	"hash/crc32"
	"math"
	"strings"
	"testing"

	"iot-edge-anomaly/quant"
	"iot-edge-anomaly/quant/reference"
)

func build(t *testing.T, name string) (*reference.Network, *quant.Network) {
	t.Helper()
	ref, err := reference.New(name)
	if err != nil {
		t.Fatal(err)
	}
	n, err := ref.Build()
	if err != nil {
		t.Fatal(err)
	}
	return ref, n
}

// The checksums are over the little-endian float32 outputs for 20 inputs, computed by the
// naive loop of package reference on amd64. They are the same on every CPU.
var golden = map[string]uint32{"S": 0xcefd4a45, "M": 0xc983e8f1, "L": 0x107e17a8}

func TestNetwork_golden(t *testing.T) { eachKernel(t, testGolden) }

func testGolden(t *testing.T) {
	for _, name := range reference.Names() {
		ref, n := build(t, name)
		got, want := make([]float32, n.Out()), make([]float32, n.Out())
		var buf []byte
		distinct := map[float32]bool{}
		for seed := range uint64(20) {
			x := ref.Sample(seed)
			ref.Naive(want, x)
			n.Forward(got, x)
			for i := range got {
				if got[i] != want[i] {
					t.Fatalf("%s input %d output %d: %g, want %g", name, seed, i, got[i], want[i])
				}
				distinct[got[i]] = true
				buf = binary.LittleEndian.AppendUint32(buf, math.Float32bits(got[i]))
			}
		}
		if len(distinct) < 100 {
			t.Errorf("%s: only %d distinct outputs, the network is dead", name, len(distinct))
		}
		if sum := crc32.ChecksumIEEE(buf); sum != golden[name] {
			t.Errorf("%s: checksum %#08x, want %#08x", name, sum, golden[name])
		}
	}
}

func TestNetwork_oddWidths(t *testing.T) { eachKernel(t, testOddWidths) }

func testOddWidths(t *testing.T) {
	for seed, widths := range [][]int{{1, 1}, {5, 3, 1, 7}, {33, 31, 9, 31, 33}, {17, 100, 2, 45}} {
		ref := reference.Random(uint64(seed), widths...)
		n, err := ref.Build()
		if err != nil {
			t.Fatal(err)
		}
		got, again, want := make([]float32, n.Out()), make([]float32, n.Out()), make([]float32, n.Out())
		q := make([]int8, n.In())
		for s := range uint64(50) {
			x := ref.Sample(s)
			ref.Naive(want, x)
			n.Forward(got, x)
			ref.Input.Quantise(q, x)
			n.ForwardQuantised(again, q)
			for i := range got {
				if got[i] != want[i] || again[i] != want[i] {
					t.Fatalf("%v: output %d = %g, from int8 %g, want %g", widths, i, got[i], again[i], want[i])
				}
			}
		}
	}
}

// The float32 network computes the same function without roundings; with a single wrong
// weight its results would be far off.
func TestFloat32_near(t *testing.T) {
	ref, _ := build(t, "S")
	q, f := make([]float32, ref.Out()), make([]float32, ref.Out())
	x := ref.Sample(3)
	for i := range x {
		x[i] = max(-3.9, min(3.9, x[i])) // inside the input's range
	}
	ref.Naive(q, x)
	ref.Float32(f, x)
	var diff, size float64
	for i := range q {
		diff += math.Abs(float64(q[i] - f[i]))
		size += math.Abs(float64(q[i]))
	}
	if !(diff < size/4) {
		t.Errorf("mean difference %.3g of mean size %.3g", diff/64, size/64)
	}
}

func TestNetwork_clone(t *testing.T) { eachKernel(t, testClone) }

func testClone(t *testing.T) {
	ref, n := build(t, "S")
	c := n.Clone()
	x, want := ref.Sample(1), make([]float32, n.Out())
	n.Forward(want, x)
	done := make(chan bool)
	go func() { // -race sees memory shared by mistake
		y := make([]float32, n.Out())
		for range 50 {
			n.Forward(y, ref.Sample(2))
		}
		done <- true
	}()
	got := make([]float32, n.Out())
	for range 50 {
		c.Forward(got, x)
	}
	<-done
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("output %d: %g, want %g", i, got[i], want[i])
		}
	}
}

func TestForward_allocs(t *testing.T) { eachKernel(t, testAllocs) }

func testAllocs(t *testing.T) {
	ref, n := build(t, "S")
	x, y := ref.Sample(1), make([]float32, n.Out())
	d, err := reference.Random(1, 37, 11).Layers[0].Dense()
	if err != nil {
		t.Fatal(err)
	}
	q := make([]int8, n.In())
	src, dst, last := make([]int8, 37), make([]int8, 11), make([]float32, 11)
	for name, f := range map[string]func(){
		"Network.Forward":    func() { n.Forward(y, x) },
		"ForwardQuantised":   func() { n.ForwardQuantised(y, q) },
		"Dense.Forward":      func() { d.Forward(dst, src) },
		"Dense.ForwardFloat": func() { d.ForwardFloat(last, src) },
		"Naive":              func() { ref.Naive(y, x) },
		"Float32":            func() { ref.Float32(y, x) },
	} {
		if a := testing.AllocsPerRun(100, f); a != 0 {
			t.Errorf("%s: %v allocations per call", name, a)
		}
	}
}

func TestNewNetwork_refuses(t *testing.T) {
	a, _ := reference.Random(1, 4, 3).Layers[0].Dense()
	b, _ := reference.Random(1, 2, 3).Layers[0].Dense()
	one := quant.Params{Scale: 1}
	for want, f := range map[string]func() (*quant.Network, error){
		"input scale 0 is not": func() (*quant.Network, error) { return quant.NewNetwork(quant.Params{}, a) },
		"no layers":            func() (*quant.Network, error) { return quant.NewNetwork(one) },
		"layer 1 takes 2 values, layer 0 gives 3": func() (*quant.Network, error) {
			return quant.NewNetwork(one, a, b)
		},
		"layer 1 is not made by NewDense": func() (*quant.Network, error) { return quant.NewNetwork(one, a, nil) },
		"layer 0 is not made by NewDense": func() (*quant.Network, error) {
			return quant.NewNetwork(one, &quant.Dense{})
		},
	} {
		if _, err := f(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
	for _, k := range quant.Kernels()[1:] {
		use(t, "generic")
		plain, _ := reference.Random(1, 3, 3).Layers[0].Dense()
		use(t, k)
		fast, _ := reference.Random(1, 3, 3).Layers[0].Dense()
		want := "layer 1 is made for kernel " + k + ", layer 0 for generic"
		if _, err := quant.NewNetwork(one, plain, fast); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
	if _, err := reference.New("XL"); err == nil {
		t.Error("reference network XL exists")
	}
}

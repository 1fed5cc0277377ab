package quant

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unsafe"
)

// TestKernel_quantise compares each kernel's equation (2) with the portable
// one, over random bits and over the values where it turns.
func TestKernel_quantise(t *testing.T) {
	for i := range kernels {
		k := &kernels[i]
		if !k.usable() || k.quantise == nil {
			continue
		}
		t.Run(k.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			special := []float32{0, float32(math.Copysign(0, -1)), inf, -inf, nan, 126.5, -126.5, 127, -127, 127.5, -127.5, 0.5, -0.5,
				1.5, 2.5, math.MaxFloat32, -math.MaxFloat32, math.SmallestNonzeroFloat32, math.Float32frombits(0xffc00055)}
			src, got, want := make([]float32, 4*k.lanes), make([]int8, 4*k.lanes), make([]int8, 4*k.lanes)
			for pass := range 5000 {
				scale := []float32{1, 0.3, 0x1p-20, minScale, maxScale}[pass%5]
				for j := range src {
					switch r.IntN(4) {
					case 0:
						src[j] = special[r.IntN(len(special))] * scale
					case 1:
						src[j] = math.Float32frombits(r.Uint32())
					default:
						src[j] = float32(r.NormFloat64()*80) * scale
					}
				}
				n := k.lanes * (1 + pass%4)
				k.quantise(unsafe.SliceData(got), unsafe.SliceData(src), n, scale)
				Params{scale}.Quantise(want, src[:n])
				if !slices.Equal(got[:n], want[:n]) {
					t.Fatalf("scale %g: %v\ngot  %v\nwant %v", scale, src[:n], got[:n], want[:n])
				}
			}
		})
	}
}

func TestUse(t *testing.T) {
	before := inUse
	defer func() { inUse = before }()
	for _, name := range Kernels() {
		if err := Use(name); err != nil || Kernel() != name {
			t.Errorf("use %s: kernel %s, error %v", name, Kernel(), err)
		}
	}
	kept := Kernel()
	err := Use("sse9")
	if err == nil || !strings.Contains(err.Error(), `kernel "sse9": unknown to this build, this CPU can run generic`) {
		t.Errorf("unknown kernel: %v", err)
	}
	for i := range kernels { // as the dot product on a Cortex-A72
		if k := &kernels[i]; !k.usable() && Use(k.name) == nil {
			t.Errorf("kernel %s is in use although the CPU lacks it", k.name)
		}
	}
	saved := kernels
	defer func() { kernels = saved }()
	kernels = append(slices.Clone(kernels), kernel{name: "future", usable: func() bool { return false }})
	err = Use("future")
	if err == nil || !strings.Contains(err.Error(), `kernel "future": this CPU lacks its instructions`) {
		t.Errorf("unusable kernel: %v", err)
	}
	if Kernel() != kept || slices.Contains(Kernels(), "future") {
		t.Errorf("kernel %s of %v after two refusals, want %s", Kernel(), Kernels(), kept)
	}
}

// TestJobLayout holds the offsets that internal/asmgen/src writes down: eight
// words.
func TestJobLayout(t *testing.T) {
	var j job
	for i, off := range []uintptr{unsafe.Offsetof(j.weights), unsafe.Offsetof(j.bias), unsafe.Offsetof(j.mult), unsafe.Offsetof(j.src),
		unsafe.Offsetof(j.dst), unsafe.Offsetof(j.inputs), unsafe.Offsetof(j.rows), unsafe.Offsetof(j.flags), unsafe.Sizeof(j)} {
		if want := uintptr(i) * unsafe.Sizeof(uintptr(0)); off != want {
			t.Errorf("field %d at %d, want %d", i, off, want)
		}
	}
	if flagFloat != 2 {
		t.Errorf("flagFloat is %d, want 2", flagFloat)
	}
}

package quant

import (
	"os"
	"slices"
	"strings"
	"testing"
	"unsafe"
)

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
	kernels = append(slices.Clone(kernels), kernel{name: "future", needs: "warp 9", usable: func() bool { return false }})
	err = Use("future")
	if err == nil || !strings.Contains(err.Error(), `kernel "future": this CPU lacks warp 9, it can run generic`) {
		t.Errorf("unusable kernel: %v", err)
	}
	if Kernel() != kept || slices.Contains(Kernels(), "future") {
		t.Errorf("kernel %s of %v after two refusals, want %s", Kernel(), Kernels(), kept)
	}
}

// TestKernel_chosen holds that the kernel chosen at start is the one that
// scripts/emulated.sh expects for the CPU it emulates. If the dot product were not found on
// an A76, its tests would be skipped; if it were used on an A72, every program would crash.
func TestKernel_chosen(t *testing.T) {
	want := os.Getenv("EDGE_KERNEL")
	if want == "" {
		t.Skip("EDGE_KERNEL names no kernel")
	}
	if Kernel() != want {
		t.Errorf("kernel %s, want %s", Kernel(), want)
	}
}

// TestJobLayout holds that job has the offsets that internal/asmgen/src uses: ten words.
func TestJobLayout(t *testing.T) {
	var j job
	for i, off := range []uintptr{unsafe.Offsetof(j.weights), unsafe.Offsetof(j.bias), unsafe.Offsetof(j.mult), unsafe.Offsetof(j.src),
		unsafe.Offsetof(j.dst), unsafe.Offsetof(j.inputs), unsafe.Offsetof(j.rows), unsafe.Offsetof(j.flags),
		unsafe.Offsetof(j.srcStep), unsafe.Offsetof(j.dstStep), unsafe.Sizeof(j)} {
		if want := uintptr(i) * unsafe.Sizeof(uintptr(0)); off != want {
			t.Errorf("field %d at %d, want %d", i, off, want)
		}
	}
	if flagFloat != 2 {
		t.Errorf("flagFloat is %d, want 2", flagFloat)
	}
}

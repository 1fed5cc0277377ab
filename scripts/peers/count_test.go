package main

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"iot-edge-anomaly/quant"
)

// The instructions of a pass do not include those of the start.
func TestCount(t *testing.T) {
	e := &emulator{dir: t.TempDir()}
	run := func(count string, passes int) error {
		return os.WriteFile(count, fmt.Appendf(nil, "%d\n", 123_456+7*passes), 0o644)
	}
	if got, err := e.count(1000, run); got != 7 || err != nil {
		t.Errorf("%v, %v; want 7", got, err)
	}
	silent := func(string, int) error { return nil }
	if _, err := e.count(1000, silent); err == nil || !strings.Contains(err.Error(), "counted nothing") {
		t.Errorf("a run without a count: %v", err)
	}
	same := func(count string, _ int) error { return os.WriteFile(count, []byte("5"), 0o644) }
	if _, err := e.count(1000, same); err == nil {
		t.Error("passes that execute nothing were counted")
	}
}

func TestPose(t *testing.T) {
	e := &emulator{dir: t.TempDir()}
	if err := e.pose(cores[2]); err != nil {
		t.Fatal(err)
	}
	info, err := os.ReadFile(filepath.Join(e.dir, "arm64/proc/cpuinfo"))
	if err != nil || !strings.Contains(string(info), "CPU part\t: 0xd0b\n") || !strings.Contains(string(info), "asimddp") {
		t.Errorf("%v\n%s", err, info)
	}
	want := []string{"qemu-aarch64", "-cpu", "cortex-a76", "-plugin", e.dir + "/instructions.so,out=n", "-L", e.dir + "/arm64", "prog", "arg"}
	if got := e.command(cores[2], "n", "prog", "arg"); !slices.Equal(got, want) {
		t.Errorf("%v\nwant %v", got, want)
	}
}

func TestPass(t *testing.T) {
	var b strings.Builder
	if err := pass("list", &b); err != nil || !slices.Equal(strings.Fields(b.String()), quant.Kernels()) {
		t.Errorf("%q, %v", b.String(), err)
	}
	before := quant.Kernel()
	defer quant.Use(before)
	for _, k := range quant.Kernels() {
		if err := pass(k+",S,3", &b); err != nil {
			t.Error(err)
		}
		if err := pass(k+byFour+",S,8", &b); err != nil {
			t.Error(err)
		}
	}
	for _, bad := range []string{"", "generic", "none,S,3", "generic,XL,3", "generic,S,many"} {
		if err := pass(bad, &b); err == nil {
			t.Errorf("-pass %q was taken", bad)
		}
	}
}

// The raw file holds what the network does: read back and computed, it gives
// what the naive loop gives.
func TestRaw(t *testing.T) {
	n := mustNetwork(t, "M", false)
	b := writeRaw(n, tflConv)
	word := func() uint32 {
		v := binary.LittleEndian.Uint32(b)
		b = b[4:]
		return v
	}
	if kind, layers := word(), word(); kind != 1 || layers != 6 {
		t.Fatalf("kind %d, %d layers; want 1, 6", kind, layers)
	}
	x := n.levels(n.samples[0])
	for len(b) > 0 {
		in, out := int(word()), int(word())
		from, to, lowest := math.Float32frombits(word()), math.Float32frombits(word()), int32(word())
		if in != len(x) {
			t.Fatalf("a layer of %d inputs after %d values", in, len(x))
		}
		scales, bias, w := b[:4*out], b[4*out:8*out], b[8*out:8*out+in*out]
		b = b[8*out+in*out:]
		y := make([]int8, out)
		for o := range y {
			sum := int32(binary.LittleEndian.Uint32(bias[4*o:]))
			for k, v := range x {
				sum += int32(v) * int32(int8(w[o*in+k]))
			}
			m := from * math.Float32frombits(binary.LittleEndian.Uint32(scales[4*o:])) / to
			y[o] = int8(min(127, max(float64(lowest), math.RoundToEven(float64(float32(sum)*m)))))
		}
		x = y
	}
	for i, want := range n.steps(n.want(n.samples[0])) {
		if got := float32(x[i]) * n.outStep; got != want {
			t.Fatalf("output %d: %g, want %g", i, got, want)
		}
	}
}

package quant

import (
	"fmt"
	"slices"
	"strings"
	"unsafe"
)

//go:generate go run ./internal/asmgen

// A kernel is one way to compute layers. The portable loops of dense_generic.go are the
// first and always available. The others are assembly for one instruction set each and
// give the same bytes. The program chooses one at start by what the CPU supports. The
// weights of a layer are packed for the kernel that was in use when the layer was made.

// kernel is an assembly kernel; nil stands for the portable loops.
type kernel struct {
	name   string
	needs  string      // CPU features
	usable func() bool // the CPU has them
	inputs int         // a layer's inputs are padded to a multiple of this
	rows   int         // its outputs to a multiple of this
	// pack converts weights (out, in) row-major to the order in which the kernel reads
	// them, one sequential stream for the padded shape.
	pack func(in, out int, w []int8) []int8
	// run computes n layers one after the other. It may change a signed src.
	run func(first *job, n int)
	// run4 does so for four windows; nil = run is called four times.
	run4 func(first *job, n int)
	// shifted: run takes a signed input x as x+128, together with Dense.shifted.
	shifted bool
	// quantise is equation (2) for n values, n a multiple of lanes; nil = the
	// portable loop.
	quantise func(dst *int8, src *float32, n int, scale float32)
	lanes    int
	// sumRows is equation (9) for n >= sumLanes columns and count >= 1 rows; nil = the
	// portable loop.
	sumRows  func(dst, rows, weights *float32, n, count int)
	sumLanes int
	// peak makes n*peakMACs multiply-accumulates in registers; stream reads n bytes, n a
	// multiple of 512. Both are for MeasureLimits.
	peak     func(n int)
	peakMACs int
	stream   func(p *int8, n int)
}

// job is one layer as assembly sees it, which reads the fields by name (go_asm.h on
// amd64) or by offset (internal/asmgen/src).
type job struct {
	weights *int8
	bias    *int32         // (rows)
	mult    *float32       // (rows)
	src     *int8          // (inputs)
	dst     unsafe.Pointer // (rows) int8, or float32 with flagFloat
	inputs  int            // padded
	rows    int            // padded
	flags   int
	srcStep int // bytes between two windows, for run4
	dstStep int
}

const (
	flagSigned = 1 << iota // src may be negative
	flagFloat              // the last layer: equation (6) in place of (5)
)

// generic is the name of the portable loops.
const generic = "generic"

// inUse is the kernel for layers made from now on.
var inUse = best()

// best returns the last usable kernel: the list is ordered from slow to fast.
func best() *kernel {
	for i := len(kernels) - 1; i >= 0; i-- {
		if kernels[i].usable() {
			return &kernels[i]
		}
	}
	return nil
}

// Kernel returns the name of the kernel for layers made from now on, such as "generic" or
// "avx2".
func Kernel() string { return inUse.String() }

func (k *kernel) String() string {
	if k == nil {
		return generic
	}
	return k.name
}

// Kernels lists the kernels that this CPU can run, slowest first; "generic" is
// always the first.
func Kernels() []string {
	names := []string{generic}
	for i := range kernels {
		if kernels[i].usable() {
			names = append(names, kernels[i].name)
		}
	}
	return names
}

// Use selects the named kernel for all layers made from now on. It is for the start of a
// program and for measurements: layers made for different kernels cannot form a network.
// The error lists the kernels that this CPU can run. It is not safe for concurrent use.
func Use(name string) error {
	if name == generic {
		inUse = nil
		return nil
	}
	for i := range kernels {
		if k := &kernels[i]; k.name == name {
			if !k.usable() {
				return fmt.Errorf("kernel %q: this CPU lacks %s, it can run %s", name, k.needs, strings.Join(Kernels(), ", "))
			}
			inUse = k
			return nil
		}
	}
	return fmt.Errorf("kernel %q: unknown to this build, this CPU can run %s", name, strings.Join(Kernels(), ", "))
}

// roundUp returns n rounded up to a multiple of m.
func roundUp(n, m int) int { return (n + m - 1) / m * m }

// aligned returns n zero bytes that begin at a cache line and share no cache line with
// other data.
func aligned(n int) []int8 {
	const line = 64
	b := make([]int8, roundUp(n, line)+line-1)
	skip := int(-uintptr(unsafe.Pointer(unsafe.SliceData(b))) % line)
	return slices.Clip(b[skip : skip+n])
}

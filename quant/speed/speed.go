// Package speed measures the time of int8 networks on this CPU: of every kernel on the
// reference networks, or on a given one, beside the naive loop and float32, and each
// kernel's share of what the CPU can do. It changes the kernel in use, so it is for programs
// that do nothing else meanwhile.
//
// # Why
//
// The shortest of many short runs is reported. A gateway's other work, its frequency
// governor and a hypervisor make runs longer, never shorter, so minima within one process
// can be compared, and means cannot.
package speed

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"time"

	"iot-edge-anomaly/quant"
	"iot-edge-anomaly/quant/reference"
)

// Result is the measurement of one network on one kernel.
type Result struct {
	Network string  // "S", "M", "L" or the name given
	Kernel  string  // "naive", "float32", or one of quant.Kernels
	MAC     int     // multiply-accumulates per pass
	NS      float64 // ns per pass, from float32 to float32
	Int8    float64 // ns per pass from quantised inputs; 0 = not for this kernel
	Four    float64 // ns per window, quant.Windows of them at once; 0 = not for this kernel
	Cycle   float64 // ns per clock cycle; 0 = unknown
	Stream  float64 // Int8's share of the CPU's rate of reading the weights; 0 = unknown
	Peak    float64 // Int8's share of the CPU's rate of multiply-accumulates; 0 = unknown
	Allocs  float64 // allocations per pass
}

// MACPerCycle returns the multiply-accumulates per clock cycle; NaN if the cycle is unknown.
func (r Result) MACPerCycle() float64 {
	if r.Cycle == 0 {
		return math.NaN()
	}
	return float64(r.MAC) / (r.NS / r.Cycle)
}

// Reference measures the reference networks, each as Of does.
func Reference(ctx context.Context, spell time.Duration) ([]Result, error) {
	var out []Result
	for _, name := range reference.Names() {
		ref, err := reference.New(name)
		if err != nil {
			return nil, err
		}
		rs, err := Of(ctx, ref, ref.Sample(1), spell)
		if err != nil {
			return nil, err
		}
		out = append(out, rs...)
	}
	return out, nil
}

// Of measures the naive loop, the float32 loop and every kernel of this CPU on one network
// and input (n.In). Each time takes spell to measure. It stops when ctx is done.
func Of(ctx context.Context, n *reference.Network, input []float32, spell time.Duration) (out []Result, err error) {
	before := quant.Kernel()
	defer func() {
		if e := quant.Use(before); err == nil {
			err = e
		}
	}()
	dst := make([]float32, n.Out())
	plain := func(kernel string, f func(dst, src []float32)) {
		if ctx.Err() == nil {
			out = append(out, clock(Result{Network: n.Name, Kernel: kernel, MAC: n.MAC()}, spell, func() { f(dst, input) }))
		}
	}
	plain("naive", n.Naive)
	plain("float32", n.Float32)
	for _, name := range quant.Kernels() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		r, err := kernel(n, name, input, spell)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

// kernel measures one kernel, which stays in use.
func kernel(n *reference.Network, name string, input []float32, spell time.Duration) (Result, error) {
	if err := quant.Use(name); err != nil {
		return Result{}, err
	}
	net, err := n.Build()
	if err != nil {
		return Result{}, fmt.Errorf("for kernel %s: %w", name, err)
	}
	dst, four := make([]float32, n.Out()), make([]float32, quant.Windows*n.Out())
	var src []float32
	for range quant.Windows {
		src = append(src, input...)
	}
	levels := make([]int8, n.In())
	n.Input.Quantise(levels, input)
	r := clock(Result{Network: n.Name, Kernel: name, MAC: n.MAC()}, spell, func() { net.Forward(dst, input) })
	at8 := clock(Result{}, spell, func() { net.ForwardQuantised(dst, levels) })
	at4 := clock(Result{}, spell, func() { net.Forward4(four, src, len(input)) })
	r.Int8, r.Four, r.Allocs = at8.NS, at4.NS/quant.Windows, r.Allocs+at8.Allocs+at4.Allocs
	limits := quant.MeasureLimits(r.MAC)
	if limits.Peak > 0 {
		r.Peak = float64(r.MAC) / r.Int8 / limits.Peak
		r.Stream = float64(r.MAC) / r.Int8 / limits.Stream
	}
	return r, nil
}

// clock adds to r the shortest time of f, in runs of about 20 us over spell, its allocations
// and the clock cycle.
func clock(r Result, spell time.Duration, f func()) Result {
	f() // fills the caches
	start := time.Now()
	f()
	n := 1 + int(20*time.Microsecond/max(time.Since(start), 1))
	best := time.Duration(math.MaxInt64)
	for begin := time.Now(); time.Since(begin) < spell; {
		start := time.Now()
		for range n {
			f()
		}
		best = min(best, time.Since(start))
	}
	r.NS = float64(best.Nanoseconds()) / float64(n)
	r.Allocs = Allocs(f)
	r.Cycle = quant.Cycle()
	return r
}

// Allocs returns the smallest number of allocations in several calls of f, because those of
// other goroutines are counted too.
func Allocs(f func()) float64 {
	least := uint64(math.MaxUint64)
	for range 5 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		f()
		runtime.ReadMemStats(&after)
		least = min(least, after.Mallocs-before.Mallocs)
	}
	return float64(least)
}

package quant

import (
	"time"
	"unsafe"
)

// Limits are what this CPU can do at most, measured at this moment on one core.
type Limits struct {
	Cycle float64 // ns a clock cycle; 0 = unknown to this build
	Peak  float64 // multiply-accumulates a ns with every operand in a register
	// Stream is bytes a ns, weights read from where they lie; for vnni into its
	// multiplier, since the clock of some CPUs falls while they multiply 512 bits.
	Stream float64
}

// MeasureLimits measures the limits of the kernel in use, with weights of the
// given size in bytes; the portable loops have none but the cycle. It takes some
// 0.2 s: a stream's shortest run is as rare as a network's. The best of many short
// runs counts: whatever else the machine does only makes them longer.
func MeasureLimits(size int) Limits {
	const steps, limit = 1 << 12, 100 * time.Millisecond
	l := Limits{Cycle: Cycle()}
	k := inUse
	if k == nil || k.peak == nil {
		return l
	}
	l.Peak = float64(steps*k.peakMACs) / fastest(limit/10, func() { k.peak(steps) })
	const step = 512
	weights := aligned(roundUp(max(size, step), step))
	for i := range weights {
		weights[i] = int8(i) // mapped, and in the cache as after a first pass
	}
	l.Stream = float64(len(weights)) / fastest(limit, func() { k.stream(unsafe.SliceData(weights), len(weights)) })
	return l
}

// Cycle measures a clock cycle, in ns, within 5 ms; 0 = unknown to this build.
func Cycle() float64 {
	const steps = 1 << 12
	if chain == nil {
		return 0
	}
	return fastest(5*time.Millisecond, func() { chain(steps) }) / (steps * chainAdds)
}

// chainAdds is the number of dependent additions in a step of chain: each
// takes one cycle on every CPU this runs on.
const chainAdds = 16

// fastest is the shortest of many runs of f, in ns: where the CPU is taken away
// for the whole limit, of some all the same. A run is as many calls as fill some
// 20 us, so that reading the clock, some tens of ns, adds nothing to f's time.
func fastest(limit time.Duration, f func()) float64 {
	const least, spell = 20, 20 * time.Microsecond
	best, calls := time.Duration(1<<63-1), 1
	begin := time.Now()
	for n := 0; n < 2*least || time.Since(begin) < limit; n++ {
		if n == least { // the shortest call is known by now
			calls = 1 + int(spell/max(best, 1))
			best = 1<<63 - 1
		}
		start := time.Now()
		for range calls {
			f()
		}
		best = min(best, time.Since(start))
	}
	return float64(best.Nanoseconds()) / float64(calls)
}

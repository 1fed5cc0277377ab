package quant

import (
	"time"
	"unsafe"
)

// Limits are the measured upper bounds of this CPU, on one core at the moment of the
// measurement.
type Limits struct {
	Cycle float64 // ns per clock cycle; 0 = unknown to this build
	Peak  float64 // multiply-accumulates per ns with every operand in a register
	// Stream is the rate at which weights can be read from cache or memory, in bytes per
	// ns. For vnni they are also multiplied, because some CPUs lower their clock while they
	// multiply 512 bits.
	Stream float64
}

// MeasureLimits measures the limits of the kernel in use, with weights of size bytes; for
// the portable loops only Cycle. It takes about 0.2 s and reports the best of many short
// runs, because other work of the machine only makes runs longer.
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
		weights[i] = int8(i) // so that the memory is mapped and cached
	}
	l.Stream = float64(len(weights)) / fastest(limit, func() { k.stream(unsafe.SliceData(weights), len(weights)) })
	return l
}

// Cycle returns the length of a clock cycle in ns, measured within 5 ms; 0 = unknown to
// this build.
func Cycle() float64 {
	const steps = 1 << 12
	if chain == nil {
		return 0
	}
	return fastest(5*time.Millisecond, func() { chain(steps) }) / (steps * chainAdds)
}

// chainAdds is the number of dependent additions in a step of chain. Each takes one cycle
// on every CPU that this runs on.
const chainAdds = 16

// fastest returns the time of the shortest of many runs of f, in ns. It runs f until the
// limit is over, and some times even if the CPU was busy elsewhere for all of it. A run
// is as many calls as fill about 20 us, so that reading the clock, some tens of ns, does
// not matter.
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

package quant

import (
	"testing"
	"time"
)

// TestMeasureLimits runs the measuring loops of every kernel. The figures depend on the
// machine; their order of magnitude does not.
func TestMeasureLimits(t *testing.T) {
	before := inUse
	defer func() { inUse = before }()
	for _, name := range Kernels() {
		if err := Use(name); err != nil {
			t.Fatal(err)
		}
		l := MeasureLimits(100_000)
		t.Logf("%s: %+v", name, l)
		if chain != nil && (l.Cycle < 0.1 || l.Cycle > 1000) {
			t.Errorf("%s: %g ns a cycle", name, l.Cycle)
		}
		if name == generic {
			if l.Peak != 0 || l.Stream != 0 {
				t.Errorf("%s has limits %+v, want none", name, l)
			}
			continue
		}
		if l.Peak <= 0 || l.Stream <= 0 {
			t.Errorf("%s: %+v, want a peak and a stream", name, l)
		}
	}
}

// A CPU that is busy elsewhere for longer than the whole measurement does not change the
// result.
func TestFastest(t *testing.T) {
	first := true
	ns := fastest(5*time.Millisecond, func() {
		if first {
			time.Sleep(10 * time.Millisecond)
			first = false
		}
	})
	if ns > 5e6 {
		t.Errorf("%g ns: the one slow run of many counted", ns)
	}
}

// The time of reading the clock is not part of the result.
func TestFastest_clock(t *testing.T) {
	const limit = 5 * time.Millisecond
	var start time.Time
	nothing, clock := fastest(limit, func() {}), fastest(limit, func() { start = time.Now() })
	if start.IsZero() || nothing > clock/2 {
		t.Errorf("an empty call takes %g ns, one that reads the clock %g ns", nothing, clock)
	}
}

package quant

import (
	"testing"
	"time"
)

// TestMeasureLimits runs the measuring loops of every kernel; the figures
// depend on the machine, their order of size does not.
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

// A CPU that is taken away for longer than the whole measurement does not
// become the result.
func TestFastest(t *testing.T) {
	first := true
	ns := fastest(func() {
		if first {
			time.Sleep(10 * time.Millisecond)
			first = false
		}
	})
	if ns > 5e6 {
		t.Errorf("%g ns: the one slow run of many counted", ns)
	}
}

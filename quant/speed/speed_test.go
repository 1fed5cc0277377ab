package speed_test

import (
	"slices"
	"testing"
	"time"

	"iot-edge-anomaly/quant"
	"iot-edge-anomaly/quant/speed"
)

func TestReference(t *testing.T) {
	before := quant.Kernel()
	rs, err := speed.Reference(t.Context(), 2*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if want := 3 * (2 + len(quant.Kernels())); len(rs) != want {
		t.Errorf("%d results, want %d", len(rs), want)
	}
	for _, r := range rs {
		if r.NS <= 0 || (r.Four > 0) != slices.Contains(quant.Kernels(), r.Kernel) || (r.Int8 > 0) != (r.Four > 0) || r.Allocs != 0 || r.MAC < 5000 {
			t.Errorf("%+v: want a time, no allocations and a size", r)
		}
	}
	if quant.Kernel() != before {
		t.Errorf("kernel %s afterwards, want %s", quant.Kernel(), before)
	}
}

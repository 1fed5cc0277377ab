package model

import (
	"math"
	"testing"
)

func TestLog2(t *testing.T) {
	for x := 1e-300; x < 1e300; x *= 1.0137 {
		if got, want := log2(x), math.Log2(x); math.Abs(got-want) > 1e-12*max(1, math.Abs(want)) {
			t.Fatalf("log2(%v) is %v, want %v", x, got, want)
		}
	}
	for x, want := range map[float64]float64{0: -1074, -1: -1074, 1: 0, 2: 1, 0.5: -1, 1024: 10, math.Inf(1): 1024} {
		if got := log2(x); math.Abs(got-want) > 1e-9 {
			t.Errorf("log2(%v) is %v, want %v", x, got, want)
		}
	}
	if got := log2(math.NaN()); got != -1074 {
		t.Errorf("log2(NaN) is %v", got)
	}
}

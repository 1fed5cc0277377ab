package quant

import (
	"math"
	"testing"
)

var (
	inf = float32(math.Inf(1))
	nan = float32(math.NaN())
)

// Each case was worked by hand from equation (2).
func TestQuantise_worked(t *testing.T) {
	for _, c := range []struct {
		scale, x float32
		want     int8
		why      string
	}{
		{0.5, 0, 0, "zero is exact"},
		{0.5, 0.25, 0, "0.5 ties to 0"},
		{0.5, 0.75, 2, "1.5 ties to 2"},
		{0.5, 1.25, 2, "2.5 ties to 2"},
		{0.5, -0.25, 0, "-0.5 ties to 0"},
		{0.5, -0.75, -2, "-1.5 ties to -2"},
		{0.5, -1.25, -2, "-2.5 ties to -2"},
		{1, 126.49999, 126, "just below a tie"},
		{1, 126.5, 126, "tie to even below the clamp"},
		{1, -126.5, -126, "the same, negative"},
		{1, 126.50001, 127, "just above a tie"},
		{1, 127.4, 127, "clamp"},
		{1, -128, -127, "clamp: -128 never occurs"},
		{1, inf, 127, "infinity clamps"},
		{1, -inf, -127, "infinity clamps"},
		{1, nan, 0, "NaN is 0"},
		{1, math.Float32frombits(0xffc00055), 0, "NaN with payload is 0"},
		{minScale, math.MaxFloat32, 127, "quotient overflows"},
		{maxScale, math.SmallestNonzeroFloat32, 0, "quotient underflows"},
		// float32(1.65) / float32(0.3) = 5.4999997020…, a float32 step there is
		// 4.8e-7: 5.4999995, below the tie. 1.65 * float32(1/0.3) is 5.5 and
		// would tie to 6.
		{0.3, 1.65, 5, "a division, not a product by the inverse"},
	} {
		got := make([]int8, 1)
		Params{c.scale}.Quantise(got, []float32{c.x})
		if got[0] != c.want {
			t.Errorf("Quantise(%g / %g) = %d, want %d: %s", c.x, c.scale, got[0], c.want, c.why)
		}
	}
}

// Worked from equation (5).
func TestRequantise_worked(t *testing.T) {
	for _, c := range []struct {
		acc  int32
		m    float32
		want int8
		why  string
	}{
		{0, 1, 0, "zero"},
		{5, 0.5, 2, "2.5 ties to 2"},
		{7, 0.5, 4, "3.5 ties to 4"},
		{1, 0.5, 0, "0.5 ties to 0"},
		{253, 0.5, 126, "126.5 ties to 126"},
		{255, 0.5, 127, "127.5 clamps"},
		{-5, 0.5, 0, "ReLU"},
		{math.MinInt32, maxScale, 0, "ReLU of the most negative"},
		{math.MaxInt32, maxScale, 127, "2^127 clamps"},
		{math.MaxInt32, minScale, 0, "2^-95 rounds to 0"},
		{16777217, 0x1p-24, 1, "2^24+1 becomes 2^24 in float32: exactly 1"},
		{16777217, 0x1.8p-24, 2, "2^24 * 1.5*2^-24 = 1.5 ties to 2"},
		// 1000 * 0.0125: float32(0.0125) = 13421773*2^-30 = 0.012500000186…;
		// the product 12.500000186 is nearer to 12.5 than to 12.5+2^-20, and
		// 12.5 ties to 12. A fused product and addition would see 12.500000186
		// and answer 13.
		{1000, 0.0125, 12, "the product is rounded before it is rounded"},
	} {
		if got := requantise(c.acc, c.m); got != c.want {
			t.Errorf("requantise(%d, %g) = %d, want %d: %s", c.acc, c.m, got, c.want, c.why)
		}
	}
}

func clampEven(v float32, lo float64) int8 {
	if v != v {
		return 0
	}
	return int8(max(lo, min(127, math.RoundToEven(float64(v)))))
}

// The additions that round must equal math.RoundToEven for every float32 near
// a tie or a clamp and for a sweep over all exponents and signs.
func TestRounding_sweep(t *testing.T) {
	check := func(v float32) {
		if got, want := roundSigned(v), clampEven(v, -127); got != want {
			t.Fatalf("roundSigned(%g) = %d, want %d", v, got, want)
		}
		if v >= minScale && v <= maxScale {
			if got, want := requantise(1, v), clampEven(v, 0); got != want {
				t.Fatalf("requantise(1, %g) = %d, want %d", v, got, want)
			}
		}
	}
	for half := -260; half <= 260; half++ {
		mid := math.Float32bits(float32(half) / 2)
		for d := uint32(0); d < 400; d++ {
			check(math.Float32frombits(mid + d))
			check(math.Float32frombits(mid - d))
		}
	}
	step := uint32(4099) // a prime: about a million patterns
	if testing.Short() {
		step = 400009
	}
	for u := uint64(0); u < 1<<32; u += uint64(step) {
		check(math.Float32frombits(uint32(u)))
	}
}

func TestDequantise_roundTrip(t *testing.T) {
	for _, s := range []float32{1, 0.1, 1.0 / 3, 1e-20, 1e20} {
		p := Params{s}
		q, back := make([]int8, 1), make([]float32, 1)
		for i := -1270; i <= 1270; i++ {
			x := float32(i) / 10 * s
			p.Quantise(q, []float32{x})
			p.Dequantise(back, q)
			// half a step, and the last bits of x and of the product
			if d := math.Abs(float64(back[0]) - float64(x)); d > float64(s)*(0.5+1e-4) {
				t.Fatalf("scale %g: %g comes back as %g", s, x, back[0])
			}
		}
		for i := -127; i <= 127; i++ {
			p.Dequantise(back, []int8{int8(i)})
			p.Quantise(q, back)
			if int(q[0]) != i {
				t.Fatalf("scale %g: %d comes back as %d", s, i, q[0])
			}
		}
	}
}

func TestFit(t *testing.T) {
	for _, c := range []struct{ max, want float32 }{
		{127, 1}, {254, 2}, {0, 1}, {nan, 1}, {inf, 1}, {-3, 1}, {1e-40, 1},
	} {
		if got := Fit(c.max).Scale; got != c.want {
			t.Errorf("Fit(%g) = %g, want %g", c.max, got, c.want)
		}
	}
}

package quant_test

import (
	"math"
	"strings"
	"testing"

	"iot-edge-anomaly/quant"
)

// Worked from equation (2): row 0 has max 2.54, scale 2.54/127 = 0.02:
// 2.54/0.02 = 127, -1/0.02 = -50, 0.5/0.02 = 25. Row 1 is zero.
func TestQuantiseLayer_rows(t *testing.T) {
	one := quant.Params{Scale: 1}
	l, err := quant.QuantiseLayer([]float32{2.54, -1, 0.5, 0, 0, 0}, []float32{0, 0}, 3, 2, one, one)
	if err != nil {
		t.Fatal(err)
	}
	if l.Scales[0] != float32(2.54)/127 || l.Scales[1] != 1 {
		t.Errorf("scales %v, want [0.02 1]", l.Scales)
	}
	if got, want := [6]int8(l.Weights), [6]int8{127, -50, 25, 0, 0, 0}; got != want {
		t.Errorf("weights %v, want %v", got, want)
	}
}

// Worked: row 0: scale 1.27/127 = 0.01; bias 0.5/(0.1*0.01) = 500;
// m = 0.1*0.01/0.05 = 0.02. Input 1.0 = 10 steps: acc = 127*10 + 500 = 1770
// (real 1.77), q = 1770*0.02 = 35.4 -> 35 (real 1.75).
func TestQuantiseLayer_worked(t *testing.T) {
	x, y := quant.Params{Scale: 0.1}, quant.Params{Scale: 0.05}
	l, err := quant.QuantiseLayer([]float32{1.27}, []float32{0.5}, 1, 1, x, y)
	if err != nil {
		t.Fatal(err)
	}
	if l.Weights[0] != 127 || l.Bias[0] != 500 || math.Abs(float64(l.Mult[0])-0.02) > 1e-9 {
		t.Errorf("got %+v, want weight 127, bias 500, multiplier 0.02", l)
	}
	d, err := l.Dense()
	if err != nil {
		t.Fatal(err)
	}
	q := make([]int8, 1)
	d.Forward(q, []int8{10})
	if q[0] != 35 {
		t.Errorf("output %d, want 35", q[0])
	}
}

// A row of zeros or of tiny weights still has its bias, and no row can overflow.
func TestQuantiseLayer_bias(t *testing.T) {
	one := quant.Params{Scale: 1}
	for _, w := range []float32{0, 1e-40, 1e-30, 1e-6, 1} {
		for _, b := range []float32{0, 0.3, -0.3, 1e6, -1e-6} {
			in := quant.Params{Scale: 0.02}
			l, err := quant.QuantiseLayer([]float32{w}, []float32{b}, 1, 1, in, one)
			if err != nil {
				t.Fatalf("weight %g bias %g: %v", w, b, err)
			}
			d, err := l.Dense()
			if err != nil {
				t.Fatalf("weight %g bias %g: %v", w, b, err)
			}
			y := make([]float32, 1)
			d.ForwardFloat(y, []int8{0})
			if got, tol := float64(y[0]), math.Abs(float64(b))*1e-6+float64(w)*1e-3; math.Abs(got-float64(b)) > tol {
				t.Errorf("weight %g bias %g: output %g", w, b, got)
			}
		}
	}
}

func TestQuantiseLayer_refuses(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	one := quant.Params{Scale: 1}
	for _, c := range []struct {
		w, b []float32
		x, y quant.Params
		want string
	}{
		{[]float32{1}, []float32{0}, one, one, "1 weights and 1 biases do not fit"},
		{[]float32{1, nan}, []float32{0}, one, one, "row 0: weight 1 is NaN"},
		{[]float32{inf, 1}, []float32{0}, one, one, "row 0: weight 0 is +Inf"},
		{[]float32{1, 1}, []float32{nan}, one, one, "row 0: bias is NaN"},
		{[]float32{1, 1}, []float32{0}, quant.Params{}, one, "row 0: scale 0 is not"},
		{[]float32{1, 1}, []float32{0}, one, quant.Params{Scale: nan}, "row 0: scale NaN is not"},
		{[]float32{1e20, 1}, []float32{0}, quant.Params{Scale: 1e20}, one, "row 0: multiplier"},
	} {
		_, err := quant.QuantiseLayer(c.w, c.b, 2, 1, c.x, c.y)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want one with %q", err, c.want)
		}
	}
}

package model

import (
	"testing"

	"iot-edge-anomaly/quant"
)

// TestInt8Net_foresees holds that expect returns the answers computed ahead, and only for the
// rows that were foreseen.
func TestInt8Net_foresees(t *testing.T) {
	const c = 2
	row := func(k int) []float32 { return []float32{float32(k), float32(3 - k)} }
	d, err := quant.NewDense(3*c, c, make([]int8, 3*c*c), make([]int32, c), []float32{1, 1})
	if err != nil {
		t.Fatal(err)
	}
	q, err := quant.NewNetwork(quant.Params{Scale: 1}, d)
	if err != nil {
		t.Fatal(err)
	}
	n := &int8Net{net: q, input: quant.Params{Scale: 1}, window: make([]int8, 3*c), c: c, hit: -1}
	for k := range quant.Windows {
		n.foresee(k, row(k))
	}
	n.compute()
	for i := range n.answers { // no network computes this: only a look-up returns it
		n.answers[i] = float32(100 + i)
	}
	got := make([]float32, c)
	for k := range quant.Windows {
		n.push(row(k))
		if n.expect(got); got[0] != float32(100+k*c) || got[1] != float32(101+k*c) {
			t.Errorf("row %d: %v, want the answer computed ahead", k, got)
		}
	}
	if n.push(row(1)); n.hit >= 0 {
		t.Error("a fifth row has an answer")
	}
	n.compute()
	n.push(row(0))
	n.push(row(3))
	if n.hit >= 0 || n.left != 0 {
		t.Error("a row that was not foreseen has an answer")
	}
	n.compute()
	n.push(row(0))
	n.reset()
	if n.push(row(1)); n.hit >= 0 {
		t.Error("an answer outlives a reset")
	}
}

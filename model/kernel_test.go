package model_test

import (
	"path/filepath"
	"slices"
	"testing"

	"iot-edge-anomaly/model"
	"iot-edge-anomaly/quant"
)

// TestKernels holds that a model file loads with every kernel of this CPU, which replays its
// golden vectors, and gives the same bits.
func TestKernels(t *testing.T) {
	before := quant.Kernel()
	t.Cleanup(func() {
		if err := quant.Use(before); err != nil {
			t.Error(err)
		}
	})
	var want []string
	for _, k := range quant.Kernels() { // the portable loops first
		if err := quant.Use(k); err != nil {
			t.Fatal(err)
		}
		m, err := model.Load(filepath.Join("testdata", "golden.model"))
		if err != nil {
			t.Fatalf("%s: %v", k, err)
		}
		if got := lines(m); want == nil {
			want = got
		} else if !slices.Equal(got, want) {
			t.Errorf("%s gives other scores than %s", k, quant.Kernels()[0])
		}
	}
}

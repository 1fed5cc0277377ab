package main

import (
	"math"
	"slices"
	"testing"

	"iot-edge-anomaly/quant/reference"
)

func mustNetwork(t *testing.T, name string, perTensor bool) *network {
	t.Helper()
	n, err := newNetwork(name, perTensor)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// The network differs from the reference only by powers of two in the multipliers.
func TestNetwork(t *testing.T) {
	for _, name := range reference.Names() {
		ref, err := reference.New(name)
		if err != nil {
			t.Fatal(err)
		}
		n := mustNetwork(t, name, false)
		for k, l := range n.Layers {
			if !slices.Equal(l.Weights, ref.Layers[k].Weights) || !slices.Equal(l.Bias, ref.Layers[k].Bias) {
				t.Errorf("%s: layer %d has other weights", name, k)
			}
			by := ref.Layers[k].Mult[0] / l.Mult[0]
			if half, _ := math.Frexp(float64(by)); half != 0.5 {
				t.Errorf("%s: layer %d: multipliers over %g, want a power of two", name, k, by)
			}
			for o, m := range l.Mult {
				if m*by != ref.Layers[k].Mult[o] {
					t.Errorf("%s: layer %d row %d: multiplier %g, want %g/%g", name, k, o, m, ref.Layers[k].Mult[o], by)
				}
			}
		}
	}
}

// In no network does a hidden activation of the samples clamp at 127, and they still
// use most of their bits. No output clamps in eight bits.
func TestNetwork_tame(t *testing.T) {
	for _, name := range reference.Names() {
		for _, perTensor := range []bool{false, true} {
			n := mustNetwork(t, name, perTensor)
			for k := range n.Layers {
				largest := float32(0)
				for _, x := range n.samples {
					largest = max(largest, largestAt(n, k, x))
				}
				if k == len(n.Layers)-1 {
					if largest /= n.outStep; largest < 60 {
						t.Errorf("%s: outputs reach %g steps only", name, largest)
					}
				}
				if largest > 127 || largest < 60 {
					t.Errorf("%s: layer %d reaches %g, want 60 to 127", name, k, largest)
				}
			}
		}
	}
}

// largestAt is the largest unclamped output of layer k for x; for the last layer, the
// largest magnitude.
func largestAt(n *network, k int, x []float32) float32 {
	q := n.levels(x)
	for _, l := range n.Layers[:k] {
		sums, next := make([]int32, l.Out), make([]int8, l.Out)
		reference.Sums(sums, l, q)
		for o, acc := range sums {
			next[o] = reference.Requantise(acc, l.Mult[o])
		}
		q = next
	}
	l := n.Layers[k]
	sums := make([]int32, l.Out)
	reference.Sums(sums, l, q)
	largest := float32(0)
	for o, acc := range sums {
		v := float32(acc) * l.Mult[o]
		if k == len(n.Layers)-1 {
			v = max(v, -v)
		}
		largest = max(largest, v)
	}
	return largest
}

func TestNetwork_perTensor(t *testing.T) {
	n := mustNetwork(t, "M", true)
	for k := range n.Layers {
		if s := n.weightScales(k); slices.Max(s) != slices.Min(s) {
			t.Errorf("layer %d: scales from %g to %g, want one", k, slices.Min(s), slices.Max(s))
		}
	}
}

func TestNetwork_unknown(t *testing.T) {
	if _, err := newNetwork("XL", false); err == nil {
		t.Error("a network that there is not was made")
	}
}

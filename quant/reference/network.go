package reference

import (
	"fmt"
	"math"
	"math/rand/v2"

	"iot-edge-anomaly/quant"
)

// Names lists the reference networks in order of size.
func Names() []string { return []string{"S", "M", "L"} }

// Network is a chain of layers as plain row-major arrays, with the memory for one pass. New,
// Random and Of make one. It is not safe for concurrent use.
type Network struct {
	Name   string
	Input  quant.Params
	Layers []quant.Layer

	a, b   []int8 // activations, as wide as the widest layer
	f, g   []float32
	floats []floatLayer
}

// New returns a reference network: S 64-32-16-8-16-32-64, M 256-128-64-16-64-128-256 or L
// 1024-256-64-256-1024, with the same weights on every machine.
func New(name string) (*Network, error) {
	var n *Network
	switch name {
	case "S":
		n = Random(1, 64, 32, 16, 8, 16, 32, 64)
	case "M":
		n = Random(2, 256, 128, 64, 16, 64, 128, 256)
	case "L":
		n = Random(3, 1024, 256, 64, 256, 1024)
	default:
		return nil, fmt.Errorf("reference network %q: want S, M or L", name)
	}
	n.Name = name
	return n, nil
}

// Random returns a network of the given widths, at least two, with weights from a seed. Its
// multipliers spread the hidden activations over 0 to 127, with a few clamped at either end.
func Random(seed uint64, widths ...int) *Network {
	r := rand.New(rand.NewPCG(seed, 0x5eed))
	var layers []quant.Layer
	for i := 1; i < len(widths); i++ {
		in, out := widths[i-1], widths[i]
		l := quant.Layer{
			In: in, Out: out,
			Weights: make([]int8, in*out),
			Scales:  make([]float32, out),
			Bias:    make([]int32, out),
			Mult:    make([]float32, out),
		}
		for j := range l.Weights {
			l.Weights[j] = int8(r.IntN(255) - 127)
		}
		for o := range out {
			l.Scales[o] = 1.0 / 127
			l.Bias[o] = int32(r.IntN(20001) - 10000)
			spread := float32(r.IntN(1000)+500) / 1000 // 0.5 to 1.5
			l.Mult[o] = float32(spread * (0.012 / float32(math.Sqrt(float64(in)))))
		}
		layers = append(layers, l)
	}
	return Of("random", quant.Params{Scale: 1.0 / 32}, layers)
}

// Of returns a network of the given layers, at least one, and keeps them.
func Of(name string, input quant.Params, layers []quant.Layer) *Network {
	n := &Network{Name: name, Input: input, Layers: layers}
	widest := n.In()
	for _, l := range layers {
		widest = max(widest, l.Out)
	}
	n.a, n.b = make([]int8, widest), make([]int8, widest)
	n.f, n.g = make([]float32, widest+floatRows), make([]float32, widest+floatRows)
	for _, l := range n.Layers {
		n.floats = append(n.floats, newFloatLayer(l))
	}
	return n
}

// Sample returns inputs (In), the same on every machine: most within the range of the input
// scale, a few outside.
func (n *Network) Sample(seed uint64) []float32 {
	r := rand.New(rand.NewPCG(seed, 0x1a7e))
	x := make([]float32, n.In())
	for i := range x {
		x[i] = float32(r.IntN(8400)-4200) / 1000
	}
	return x
}

// In returns the number of inputs.
func (n *Network) In() int { return n.Layers[0].In }

// Out returns the number of outputs.
func (n *Network) Out() int { return n.Layers[len(n.Layers)-1].Out }

// MAC returns the number of multiplications of one pass.
func (n *Network) MAC() int {
	sum := 0
	for _, l := range n.Layers {
		sum += l.In * l.Out
	}
	return sum
}

// Build packs the network for this CPU.
func (n *Network) Build() (*quant.Network, error) {
	layers := make([]*quant.Dense, len(n.Layers))
	for i, l := range n.Layers {
		d, err := l.Dense()
		if err != nil {
			return nil, fmt.Errorf("reference network %s: layer %d: %w", n.Name, i, err)
		}
		layers[i] = d
	}
	return quant.NewNetwork(n.Input, layers...)
}

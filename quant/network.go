package quant

import (
	"errors"
	"fmt"
)

// Network is a chain of layers with the memory for one pass. The zero value is
// not usable. A Network is not safe for concurrent use: each goroutine takes
// its own Clone.
type Network struct {
	input  Params
	layers []*Dense
	values [][]int8 // values[i] is (padded(layers[i].in)), input of layer i
}

// NewNetwork chains layers: the first takes the quantised input, every layer
// but the last ends in ReLU and requantisation, the last in float32. Each layer
// must take as many values as the one before gives.
func NewNetwork(input Params, layers ...*Dense) (*Network, error) {
	if err := checkScale(input.Scale); err != nil {
		return nil, fmt.Errorf("network: input scale %w", err)
	}
	if len(layers) == 0 {
		return nil, errors.New("network: no layers")
	}
	for i, d := range layers {
		if d == nil || d.in == 0 {
			return nil, fmt.Errorf("network: layer %d is not made by NewDense", i)
		}
		if i > 0 && layers[i-1].out != d.in {
			return nil, fmt.Errorf("network: layer %d takes %d values, layer %d gives %d",
				i, d.in, i-1, layers[i-1].out)
		}
	}
	n := &Network{input: input, layers: append([]*Dense(nil), layers...)}
	n.values = arena(n.layers)
	return n, nil
}

// arena cuts one piece of zeroed memory into the inputs of the layers.
func arena(layers []*Dense) [][]int8 {
	total := 0
	for _, d := range layers {
		total += padded(d.in)
	}
	mem := make([]int8, total)
	values := make([][]int8, len(layers))
	for i, d := range layers {
		w := padded(d.in)
		values[i], mem = mem[:w:w], mem[w:]
	}
	return values
}

// Clone returns a network that shares the weights and has its own memory.
func (n *Network) Clone() *Network {
	return &Network{input: n.input, layers: n.layers, values: arena(n.layers)}
}

// In returns the number of inputs of the first layer.
func (n *Network) In() int { return n.layers[0].in }

// Out returns the number of outputs of the last layer.
func (n *Network) Out() int { return n.layers[len(n.layers)-1].out }

// Forward quantises src (In) by equation (2), runs the layers and writes the
// last one's float32 results to dst (Out), in the units that its multipliers
// give. dst may be src. Longer slices are cut, shorter ones panic as an index
// does. It allocates nothing.
func (n *Network) Forward(dst, src []float32) {
	dst = dst[:n.Out()]
	n.input.Quantise(n.values[0], src[:n.In()])
	last := len(n.layers) - 1
	for i, d := range n.layers[:last] {
		d.forward(n.values[i+1][:d.out], n.values[i])
	}
	n.layers[last].forwardFloat(dst, n.values[last])
}

package quant

import (
	"errors"
	"fmt"
	"unsafe"
)

// Network is a chain of layers with the memory for one pass. The zero value is not
// usable. A Network is not safe for concurrent use: each goroutine needs its own Clone.
type Network struct {
	input  Params
	layers []*Dense
	values [][]int8  // values[i] is the padded input of layer i
	jobs   []job     // for the kernel, one per layer; nil for the portable loops
	last   []float32 // padded results, if the kernel would write beyond dst
	four   *windows  // for Forward4; nil before its first call
}

// NewNetwork chains layers, which must be made for the same kernel: the first takes the
// quantised input, every layer but the last ends with ReLU and requantisation, the last
// one gives float32. Each layer must have as many inputs as the one before has outputs.
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
		if d.kernel != layers[0].kernel {
			return nil, fmt.Errorf("network: layer %d is made for kernel %v, layer 0 for %v", i, d.kernel, layers[0].kernel)
		}
	}
	return newNetwork(input, append([]*Dense(nil), layers...)), nil
}

// Clone returns a network that shares the weights and has its own memory.
func (n *Network) Clone() *Network { return newNetwork(n.input, n.layers) }

func newNetwork(input Params, layers []*Dense) *Network {
	n := &Network{input: input, layers: layers, values: arena(layers)}
	k := layers[0].kernel
	if k == nil {
		return n
	}
	n.jobs = make([]job, len(layers))
	for i, d := range layers {
		n.jobs[i] = d.job(i == 0) // the inputs of the others come from a ReLU
		n.jobs[i].src = unsafe.SliceData(n.values[i])
		if i > 0 {
			n.jobs[i-1].dst = unsafe.Pointer(n.jobs[i].src)
		}
	}
	end := &n.jobs[len(layers)-1]
	end.flags |= flagFloat
	if end.rows > n.Out() {
		n.last = make([]float32, end.rows)
	}
	return n
}

// arena divides one block of zeroed memory into the inputs of the layers. Each begins at
// a cache line and has room for what the kernel reads and writes beyond its end.
func arena(layers []*Dense) [][]int8 {
	const line = 64
	size := func(i int) int {
		n := padded(layers[i].in)
		if k := layers[i].kernel; k != nil {
			n = max(roundUp(layers[i].in, k.inputs), roundUp(layers[i].in, k.rows), roundUp(layers[i].in, k.lanes))
		}
		return roundUp(n, line)
	}
	total := 0
	for i := range layers {
		total += size(i)
	}
	mem := aligned(total)
	values := make([][]int8, len(layers))
	for i, d := range layers {
		n := size(i)
		values[i], mem = mem[:n:n], mem[n:]
		if d.kernel == nil {
			values[i] = values[i][:padded(d.in)]
		}
	}
	return values
}

// In returns the number of inputs of the first layer.
func (n *Network) In() int { return n.layers[0].in }

// Out returns the number of outputs of the last layer.
func (n *Network) Out() int { return n.layers[len(n.layers)-1].out }

// Forward quantises src (In) by equation (2), runs the layers and writes the float32
// results of the last one to dst (Out), in the units that its multipliers give. dst may
// be src. Elements beyond these sizes are ignored; a shorter slice panics like an index
// out of range. It allocates nothing.
func (n *Network) Forward(dst, src []float32) {
	n.input.Quantise(n.values[0], src[:n.In()])
	n.layersTo(dst[:n.Out()])
}

// ForwardQuantised is Forward for src (In) that is already quantised by equation (2), with
// values in [-127, 127]. A caller that keeps a sliding window of quantised rows need not
// quantise all of it for each new row.
func (n *Network) ForwardQuantised(dst []float32, src []int8) {
	copy(n.values[0], src[:n.In()])
	n.layersTo(dst[:n.Out()])
}

// layersTo computes the layers from values[0].
func (n *Network) layersTo(dst []float32) {
	if n.jobs != nil {
		n.kernelTo(dst)
		return
	}
	last := len(n.layers) - 1
	for i, d := range n.layers[:last] {
		d.forward(n.values[i+1][:d.out], n.values[i])
	}
	n.layers[last].forwardFloat(dst, n.values[last])
}

// kernelTo is layersTo with the kernel: one call computes all layers.
func (n *Network) kernelTo(dst []float32) {
	k := n.layers[0].kernel
	end := &n.jobs[len(n.jobs)-1]
	if n.last != nil {
		end.dst = unsafe.Pointer(unsafe.SliceData(n.last))
		k.run(&n.jobs[0], len(n.jobs))
		copy(dst, n.last)
		return
	}
	end.dst = unsafe.Pointer(unsafe.SliceData(dst))
	k.run(&n.jobs[0], len(n.jobs))
	end.dst = nil // it is the caller's memory
}

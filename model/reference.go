package model

import (
	"iot-edge-anomaly/model/checkpoint"
	"iot-edge-anomaly/quant"
)

// Reference says which network a Scorer runs. Anything but the int8 network is for
// measuring what quantising costs and what the network gains; such a model has no
// file and no checksum.
type Reference int

// The networks a Scorer may run.
const (
	Int8    Reference = iota // the product
	Float32                  // the float32 weights that the int8 ones were quantised from
	None                     // no network: the median is expected in every row
)

// network predicts the newest row from the rows it was given.
type network interface {
	push(row []float32)   // (C) in units of Spread, 0 = masked
	expect(dst []float32) // (C) the newest row as the network reconstructs it
	reset()               // sets all rows to 0
	checkpoint(*checkpoint.Coder)
}

// runner returns the network that a Scorer runs over so many rows, with its own
// memory: net or, for measurements, the float32 weights of layers or none.
func (m *Model) runner(net *quant.Network, layers []Layer, clip float32, rows int) network {
	c := len(m.p.Schema.Channels)
	switch m.p.Reference {
	case Float32:
		n := &floatNet{layers: layers, clip: clip, window: make([]float32, rows*c)}
		width := rows * c
		for _, l := range layers {
			width = max(width, l.Out)
		}
		n.a, n.b = make([]float32, width), make([]float32, width)
		return n
	case None:
		return noNet{}
	}
	return &int8Net{net: net.Clone(), input: inputOf(clip), window: make([]int8, rows*c), c: c, hit: -1}
}

// noNet expects 0, which is the median.
type noNet struct{}

func (noNet) push([]float32)       {}
func (noNet) expect(dst []float32) { clear(dst) }
func (noNet) reset()               {}

// floatNet runs float32 weights.
type floatNet struct {
	layers []Layer
	clip   float32
	window []float32 // (Window, C) oldest row first
	a, b   []float32
}

func (n *floatNet) push(row []float32) {
	copy(n.window, n.window[len(row):])
	copy(n.window[len(n.window)-len(row):], row)
}

func (n *floatNet) reset() { clear(n.window) }

func (n *floatNet) expect(dst []float32) {
	x, y := n.a[:len(n.window)], n.b
	for i, v := range n.window {
		x[i] = min(max(v, -n.clip), n.clip)
	}
	for i, l := range n.layers {
		last := i == len(n.layers)-1
		first := 0 // row of the weights: the last layer computes the newest row only
		if y = y[:l.Out]; last {
			first, y = l.Out-len(dst), dst
		}
		for o := range y {
			sum := l.FloatBias[first+o]
			for k, w := range l.FloatW[(first+o)*l.In : (first+o+1)*l.In] {
				sum += float32(w * x[k])
			}
			if y[o] = sum; !last {
				y[o] = max(sum, 0)
			}
		}
		x, y = y, x[:cap(x)]
	}
}

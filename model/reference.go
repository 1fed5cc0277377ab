package model

// Reference says which network a Scorer runs. Anything but the int8 network is
// for measuring what quantising costs and what the network is worth; such a
// model has no file and no checksum.
type Reference int

// The networks a Scorer may run.
const (
	Int8    Reference = iota // what ships
	Float32                  // the weights that the int8 ones came from
	None                     // expects the median, whatever the window
)

// forwarder is a network: Window*C values in, as many out.
type forwarder interface {
	Forward(dst, src []float32)
}

// network returns the network that a Scorer runs, with its own memory.
func (m *Model) network() forwarder {
	switch m.p.Reference {
	case Float32:
		n := &floatNet{layers: m.p.Layers, clip: m.p.Clip}
		width := m.p.inputs()
		for _, l := range m.p.Layers {
			width = max(width, l.Out)
		}
		n.a, n.b = make([]float32, width), make([]float32, width)
		return n
	case None:
		return noNet{}
	}
	return m.net.Clone()
}

// noNet returns 0 for everything.
type noNet struct{}

func (noNet) Forward(dst, _ []float32) { clear(dst) }

// floatNet runs the float32 weights.
type floatNet struct {
	layers []Layer
	clip   float32
	a, b   []float32
}

func (n *floatNet) Forward(dst, src []float32) {
	x, y := n.a[:len(src)], n.b
	for i, v := range src {
		x[i] = min(max(v, -n.clip), n.clip)
	}
	for i, l := range n.layers {
		last := i == len(n.layers)-1
		y = y[:l.Out]
		if last {
			y = dst
		}
		for o := range y {
			sum := l.FloatBias[o]
			for k, w := range l.FloatW[o*l.In : (o+1)*l.In] {
				sum += float32(w * x[k])
			}
			if y[o] = sum; !last {
				y[o] = max(sum, 0)
			}
		}
		x, y = y, x[:cap(x)]
	}
}

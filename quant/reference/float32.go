package reference

import "iot-edge-anomaly/quant"

const floatRows = 4

// floatLayer is a layer in float32, packed like the portable int8 kernel: four rows side by
// side.
type floatLayer struct {
	in, out int
	w       []float32 // (ceil(out/4), in, 4)
	bias    []float32 // (ceil(out/4)*4)
}

// newFloatLayer multiplies weights and bias by the multiplier, so that the float32 network
// computes the same function as the int8 network, without its roundings.
func newFloatLayer(l quant.Layer) floatLayer {
	groups := (l.Out + floatRows - 1) / floatRows
	f := floatLayer{
		in: l.In, out: l.Out,
		w:    make([]float32, groups*l.In*floatRows),
		bias: make([]float32, groups*floatRows),
	}
	for o := range l.Out {
		f.bias[o] = float32(l.Bias[o]) * l.Mult[o]
		for k := range l.In {
			f.w[(o/floatRows*l.In+k)*floatRows+o%floatRows] = float32(l.Weights[o*l.In+k]) * l.Mult[o]
		}
	}
	return f
}

// Float32 runs the network in float32: src (In) to dst (Out). The results differ from those
// of Naive by the roundings. It allocates nothing.
func (n *Network) Float32(dst, src []float32) {
	x, y := n.f, n.g
	for i := 0; i < n.In(); i++ {
		x[i] = src[i] / n.Input.Scale
	}
	for i := range n.floats {
		l := &n.floats[i]
		l.forward(y, x[:l.in], i < len(n.floats)-1)
		x, y = y, x
	}
	copy(dst[:n.Out()], x)
}

// forward writes ceil(out/4)*4 values to dst, clamped at 0 if relu is set.
func (l *floatLayer) forward(dst, x []float32, relu bool) {
	for o := 0; o < l.out; o += floatRows {
		w := l.w[o*l.in : (o+floatRows)*l.in]
		s := [floatRows]float32(l.bias[o:])
		a, b, c, d := s[0], s[1], s[2], s[3]
		for _, v := range x {
			p := (*[floatRows]float32)(w)
			a += p[0] * v
			b += p[1] * v
			c += p[2] * v
			d += p[3] * v
			w = w[floatRows:]
		}
		q := (*[floatRows]float32)(dst[o:])
		q[0], q[1], q[2], q[3] = a, b, c, d
		if relu {
			for r := range q {
				q[r] = max(q[r], 0)
			}
		}
	}
}

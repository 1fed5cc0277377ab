package train

import (
	"math"
	"math/rand/v2"
)

// dense is one float32 layer.
type dense struct {
	in, out int
	w       []float32 // (out, in)
	b       []float32 // (out)
}

// newNet returns layers of the given widths with random weights and biases of 0.
func newNet(widths []int, seed uint64) []dense {
	rng := rand.New(rand.NewPCG(seed, 0x6e6574))
	net := make([]dense, len(widths)-1)
	for i := range net {
		d := dense{in: widths[i], out: widths[i+1]}
		d.w, d.b = make([]float32, d.in*d.out), make([]float32, d.out)
		scale := math.Sqrt(2 / float64(d.in)) // He et al. 2015, for ReLU
		if i == len(net)-1 {
			scale = math.Sqrt(1 / float64(d.in))
		}
		for k := range d.w {
			d.w[k] = float32(rng.NormFloat64() * scale)
		}
		net[i] = d
	}
	return net
}

// lanes is the number of samples that pass a layer together, so that each weight that
// is loaded is used four times.
const lanes = 4

// scratch holds the activations and gradients of lanes samples.
type scratch struct {
	act  [][]float32 // activations by layer, (lanes, width); act[0] is the input
	grad [][]float32 // their gradients, the same shapes; grad[0] is nil
}

func newScratch(net []dense) *scratch {
	s := &scratch{act: [][]float32{make([]float32, lanes*net[0].in)}, grad: [][]float32{nil}}
	for _, d := range net {
		s.act = append(s.act, make([]float32, lanes*d.out))
		s.grad = append(s.grad, make([]float32, lanes*d.out))
	}
	return s
}

// forward runs lanes samples from s.act[0] to the last activation.
func (s *scratch) forward(net []dense) {
	for i, d := range net {
		x, y := s.act[i], s.act[i+1]
		x0, x1, x2, x3 := x[:d.in], x[d.in:2*d.in], x[2*d.in:3*d.in], x[3*d.in:4*d.in]
		relu := i < len(net)-1
		for o, b := range d.b {
			v0, v1, v2, v3 := dot4(d.w[o*d.in:(o+1)*d.in], x0, x1, x2, x3)
			v0, v1, v2, v3 = v0+b, v1+b, v2+b, v3+b
			if relu {
				v0, v1, v2, v3 = max(v0, 0), max(v1, 0), max(v2, 0), max(v3, 0)
			}
			y[o], y[d.out+o], y[2*d.out+o], y[3*d.out+o] = v0, v1, v2, v3
		}
	}
}

// backward takes the gradient of the outputs in the last s.grad and adds that of the
// weights and biases to g.
func (s *scratch) backward(net, g []dense) {
	for i := len(net) - 1; i >= 0; i-- {
		d, x, gy := net[i], s.act[i], s.grad[i+1]
		if i < len(net)-1 {
			for k, y := range s.act[i+1] { // ReLU
				if y <= 0 {
					gy[k] = 0
				}
			}
		}
		gx := s.grad[i]
		clear(gx)
		for o := range d.out {
			g0, g1, g2, g3 := gy[o], gy[d.out+o], gy[2*d.out+o], gy[3*d.out+o]
			if g0 == 0 && g1 == 0 && g2 == 0 && g3 == 0 {
				continue
			}
			g[i].b[o] += g0 + g1 + g2 + g3
			add4(g[i].w[o*d.in:(o+1)*d.in], g0, g1, g2, g3, x[:d.in], x[d.in:2*d.in], x[2*d.in:3*d.in], x[3*d.in:4*d.in])
			if i > 0 {
				w := d.w[o*d.in : (o+1)*d.in]
				spread4(w, g0, g1, g2, g3, gx[:d.in], gx[d.in:2*d.in], gx[2*d.in:3*d.in], gx[3*d.in:4*d.in])
			}
		}
	}
}

// dot4 returns the dot products of w with four vectors of its length.
func dot4(w, x0, x1, x2, x3 []float32) (a, b, c, d float32) {
	x0, x1, x2, x3 = x0[:len(w)], x1[:len(w)], x2[:len(w)], x3[:len(w)]
	for i, v := range w {
		a += v * x0[i]
		b += v * x1[i]
		c += v * x2[i]
		d += v * x3[i]
	}
	return a, b, c, d
}

// add4 adds four vectors to dst, each scaled.
func add4(dst []float32, a, b, c, d float32, x0, x1, x2, x3 []float32) {
	n := len(dst)
	x0, x1, x2, x3 = x0[:n], x1[:n], x2[:n], x3[:n]
	for i := range dst {
		dst[i] += a*x0[i] + b*x1[i] + c*x2[i] + d*x3[i]
	}
}

// spread4 adds w to four vectors, scaled differently for each.
func spread4(w []float32, a, b, c, d float32, y0, y1, y2, y3 []float32) {
	n := len(w)
	y0, y1, y2, y3 = y0[:n], y1[:n], y2[:n], y3[:n]
	for i, v := range w {
		y0[i] += a * v
		y1[i] += b * v
		y2[i] += c * v
		y3[i] += d * v
	}
}

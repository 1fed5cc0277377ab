package train

import "math"

// Adam with the usual constants (Kingma and Ba 2015) on a one-cycle schedule
// (Smith 2018).
const (
	peakRate = 4e-3
	warmPart = 0.3
	beta1    = 0.9
	beta2    = 0.999
	tiny     = 1e-8
)

// rate returns the learning rate of step i of n on a schedule with the given peak.
func rate(peak float64, i, n int) float64 {
	at := float64(i) / float64(max(n-1, 1))
	if at < warmPart {
		return ease(peak/25, peak, at/warmPart)
	}
	return ease(peak, peak/1e4, (at-warmPart)/(1-warmPart))
}

// ease goes from a to b along half a cosine, for at from 0 to 1.
func ease(a, b, at float64) float64 { return a + (b-a)*(1-math.Cos(math.Pi*at))/2 }

// adam holds the moments of one network.
type adam struct {
	m, v []dense
	step int
}

func newAdam(net []dense) *adam { return &adam{m: zeroed(net), v: zeroed(net)} }

// zeroed returns layers of net's shape, all zero.
func zeroed(net []dense) []dense {
	z := make([]dense, len(net))
	for i, d := range net {
		z[i] = dense{in: d.in, out: d.out, w: make([]float32, len(d.w)), b: make([]float32, len(d.b))}
	}
	return z
}

// update moves net against the sum of the shards' gradients and sets those to zero.
// The sum runs in the order of the shards, so the result does not depend on which
// goroutine computed them.
func (a *adam) update(net []dense, grads [shards][]dense, lr float64) {
	a.step++
	c1 := 1 - math.Pow(beta1, float64(a.step))
	c2 := 1 - math.Pow(beta2, float64(a.step))
	size, root := float32(lr/c1), float32(1/math.Sqrt(c2))
	for i := range net {
		var gw, gb [shards][]float32
		for s := range grads {
			gw[s], gb[s] = grads[s][i].w, grads[s][i].b
		}
		move(net[i].w, a.m[i].w, a.v[i].w, gw, size, root)
		move(net[i].b, a.m[i].b, a.v[i].b, gb, size, root)
	}
}

// move updates the parameters x with moments m and v.
func move(x, m, v []float32, g [shards][]float32, size, root float32) {
	g0, g1, g2, g3 := g[0][:len(x)], g[1][:len(x)], g[2][:len(x)], g[3][:len(x)]
	m, v = m[:len(x)], v[:len(x)]
	for i := range x {
		d := g0[i] + g1[i] + g2[i] + g3[i]
		g0[i], g1[i], g2[i], g3[i] = 0, 0, 0, 0
		m[i] = beta1*m[i] + (1-beta1)*d
		v[i] = beta2*v[i] + (1-beta2)*d*d
		x[i] -= size * m[i] / (float32(math.Sqrt(float64(v[i])))*root + tiny)
	}
}

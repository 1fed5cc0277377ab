package train

import (
	"math"
	"slices"

	"iot-edge-anomaly/model"
)

// ridges are tried for each channel.
var ridges = [...]float64{0.001, 0.01, 0.1}

// leastFeature is the standard deviation below which a feature is not used.
const leastFeature = 1e-3

// fit finds the weights of all rows and of each fold, and the residuals of the folds. The
// ridge of a channel is the one with the smallest residuals.
func (b *peering) fit() error {
	grams, err := b.grams()
	if err != nil {
		return err
	}
	c, n := b.c, len(b.index)
	best, square := make([]int, c), make([]float64, c)
	b.e = make([]float32, n*c)
	e := b.e
	all := make([][][]float64, len(ridges)) // by ridge, fold: (F, C)
	for r, ridge := range ridges {
		for k := range peerFolds {
			w, err := b.solve(without(grams, k), ridge)
			if err != nil {
				return err
			}
			all[r] = append(all[r], w)
		}
		if r == 1 {
			e = make([]float32, n*c)
		}
		if err := b.residuals(e, all[r]); err != nil {
			return err
		}
		for j := range c {
			sum := 0.0
			for i := range n {
				if b.keep[i] {
					sum += float64(e[i*c+j]) * float64(e[i*c+j])
				}
			}
			if r > 0 && sum >= square[j] {
				continue
			}
			best[j], square[j] = r, sum
			for i := j; r > 0 && i < len(e); i += c {
				b.e[i] = e[i]
			}
		}
	}
	return b.choose(grams, all, best, square)
}

// choose puts together the weights of the best ridge of each channel.
func (b *peering) choose(grams []gram, all [][][]float64, best []int, square []float64) error {
	whole := make([][]float64, len(ridges))
	for r, ridge := range ridges {
		var err error
		if whole[r], err = b.solve(without(grams, -1), ridge); err != nil {
			return err
		}
	}
	own := b.raw(pick(whole, best, b.c))
	b.p.Weight, b.p.Bias = own.weight, own.bias
	b.folds = nil
	for k := range peerFolds {
		by := make([][]float64, len(ridges))
		for r := range by {
			by[r] = all[r][k]
		}
		b.folds = append(b.folds, b.raw(pick(by, best, b.c)))
	}
	b.fits = make([]float64, b.c)
	for j := range b.fits {
		count, sum, squares := 0.0, 0.0, 0.0
		for i, at := range b.index {
			if b.keep[i] && b.p.Role[j] != model.Apart {
				x := float64(min(max(b.u[at*b.c+j]*b.p.Gain[j], -zMost), zMost))
				count, sum, squares = count+1, sum+x, squares+x*x
			}
		}
		b.fits[j] = 1 - square[j]/max(squares-sum*sum/max(count, 1), 1e-9)
	}
	return nil
}

// pick returns for each channel the weights, (F, C), of its best ridge.
func pick(by [][]float64, best []int, c int) []float64 {
	out := make([]float64, len(by[0]))
	for i := range out {
		out[i] = by[best[i%c]][i]
	}
	return out
}

// residuals writes to e, (n, C), those of each row by the weights of its fold.
func (b *peering) residuals(e []float32, folds [][]float64) error {
	own := *b.p
	s := model.NewPeerState(&own)
	k := -1
	for i := range b.index {
		if f := b.fold(i); f != k {
			k = f
			w := b.raw(folds[k])
			own.Weight, own.Bias = w.weight, w.bias
		}
		z := b.row(i)
		for j, y := range s.Expect(&own, z) {
			e[i*b.c+j] = z[j] - y
		}
		if i%32 == 0 {
			if err := b.pause(); err != nil {
				return err
			}
		}
	}
	return nil
}

// gram holds the sums of the products of features over the rows of a fold.
type gram struct {
	sum []float64 // (F, F)
	n   float64
}

// without returns the mean products over all folds but one; -1 = over all.
func without(grams []gram, fold int) []float64 {
	out, n := make([]float64, len(grams[0].sum)), 0.0
	for k, g := range grams {
		if k == fold {
			continue
		}
		n += g.n
		for i, v := range g.sum {
			out[i] += v
		}
	}
	for i := range out {
		out[i] /= max(n, 1)
	}
	return out
}

// grams returns those of the folds, of features with mean 0 and deviation 1.
func (b *peering) grams() ([]gram, error) {
	f, rows := b.f, b.kept(peersMost)
	b.mean, b.sd = make([]float64, f), make([]float64, f)
	feature, x := make([]float32, f), make([]float64, f)
	for _, i := range rows {
		b.p.Features(feature, b.row(i))
		for k, v := range feature {
			b.mean[k] += float64(v)
			b.sd[k] += float64(v) * float64(v)
		}
	}
	for k := range f {
		b.mean[k] /= max(float64(len(rows)), 1)
		b.sd[k] = math.Sqrt(max(b.sd[k]/max(float64(len(rows)), 1)-b.mean[k]*b.mean[k], 0))
		if b.sd[k] < leastFeature {
			b.sd[k] = 0
		}
	}
	out := make([]gram, peerFolds)
	for k := range out {
		out[k].sum = make([]float64, f*f)
	}
	for n, i := range rows {
		b.p.Features(feature, b.row(i))
		for k, v := range feature {
			if x[k] = 0; b.sd[k] > 0 {
				x[k] = (float64(v) - b.mean[k]) / b.sd[k]
			}
		}
		g := &out[b.fold(i)]
		g.n++
		for k, v := range x {
			if v != 0 {
				row := g.sum[k*f : k*f+k+1]
				for m, w := range x[:k+1] {
					row[m] += v * w
				}
			}
		}
		if n%8 == 0 {
			if err := b.pause(); err != nil {
				return nil, err
			}
		}
	}
	for _, g := range out {
		for k := range f {
			for m := range k {
				g.sum[m*f+k] = g.sum[k*f+m]
			}
		}
	}
	return out, nil
}

// solve returns the weights, (F, C), of each channel on the features that do not hold it:
// ridge regression from the mean products g, (F, F), of which one inverse serves all
// channels. The first C features are the channels themselves.
func (b *peering) solve(g []float64, ridge float64) ([]float64, error) {
	c, f := b.c, b.f
	a := slices.Clone(g)
	for i := range f {
		a[i*f+i] += ridge
	}
	if err := b.invert(a); err != nil {
		return nil, err
	}
	out, t := make([]float64, f*c), make([]float64, f)
	for j := range c {
		if b.p.Role[j] != model.Target {
			continue
		}
		own, y := holders(c, j), slices.Clone(g[j*f:(j+1)*f])
		for _, o := range own {
			y[o] = 0
		}
		for i := range f {
			t[i] = 0
			for k, v := range a[i*f : (i+1)*f] {
				t[i] += v * y[k]
			}
		}
		m := len(own)
		block, right := make([]float64, m*m), make([]float64, m)
		for p, o := range own {
			right[p] = t[o]
			for q, r := range own {
				block[p*m+q] = a[o*f+r]
			}
		}
		x := solved(block, right)
		for i := range f {
			v := t[i]
			for p, o := range own {
				v -= a[i*f+o] * x[p]
			}
			out[i*c+j] = v
		}
		for _, o := range own {
			out[o*c+j] = 0
		}
		if err := b.pause(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// invert replaces the symmetric positive definite a, (F, F), by its inverse.
func (b *peering) invert(a []float64) error {
	f := b.f
	for i := range f {
		p := 1 / max(a[i*f+i], 1e-12)
		own := a[i*f : (i+1)*f]
		own[i] = 1
		for k := range own {
			own[k] *= p
		}
		for j := range f {
			row := a[j*f : (j+1)*f]
			v := row[i]
			if j == i || v == 0 {
				continue
			}
			row[i] = 0
			for k, x := range own {
				row[k] -= v * x
			}
		}
		if err := b.pause(); err != nil {
			return err
		}
	}
	return nil
}

// holders lists the features of c channels that channel j is part of.
func holders(c, j int) (out []int) {
	for k := range 2 + model.Hinges {
		out = append(out, k*c+j)
	}
	if at, any := model.Product(c); any {
		for i := range c {
			for k := range i {
				if i == j || k == j {
					out = append(out, at)
				}
				at++
			}
		}
	}
	return out
}

// solved returns x of a x = y for the positive definite a, which it overwrites, as y.
func solved(a, y []float64) []float64 {
	m := len(y)
	for i := range m {
		for j := i + 1; j < m; j++ {
			v := a[j*m+i] / max(a[i*m+i], 1e-12)
			for k := i; v != 0 && k < m; k++ {
				a[j*m+k] -= v * a[i*m+k]
			}
			y[j] -= v * y[i]
		}
	}
	for i := m - 1; i >= 0; i-- {
		for k := i + 1; k < m; k++ {
			y[i] -= a[i*m+k] * y[k]
		}
		y[i] /= max(a[i*m+i], 1e-12)
	}
	return y
}

// raw turns weights, (F, C), of features with mean 0 and deviation 1 into those of the
// features as they are.
func (b *peering) raw(w []float64) linear {
	out := linear{make([]float32, len(w)), make([]float32, b.c)}
	for j := range b.c {
		at := b.mean[j]
		for i := range b.f {
			if v := w[i*b.c+j]; b.sd[i] > 0 && v != 0 {
				v *= b.sd[j] / b.sd[i]
				out.weight[i*b.c+j] = float32(v)
				at -= v * b.mean[i]
			}
		}
		out.bias[j] = float32(at)
	}
	return out
}

package main

import "math"

const (
	ridgeFolds    = 5
	ridgePenalty  = 0.01
	ridgeProducts = 17   // with more channels, no products of two
	ridgeRank     = 0.99 // of the learning rows' largest residual, out of fold
)

// ridge flags a row when the largest residual of its channels, each expected from the
// others by ridge regression on their values, squares and products of two, is above its
// 99 % quantile in learning. Residuals are in units of their deviation out of fold.
// Values outside the learnt range count as its bounds in what is expected of others.
func ridge(f file) output {
	learn, all, c := standardised(f)
	x := newRegressors(learn, c)
	n := len(learn) / c
	grams := make([][]float64, ridgeFolds) // of each fold
	for k := range grams {
		grams[k] = x.gram(learn, n*k/ridgeFolds, n*(k+1)/ridgeFolds)
	}
	off := make([]float64, len(learn)) // out of fold
	for k := range grams {
		from, to := n*k/ridgeFolds, n*(k+1)/ridgeFolds
		rest := make([]float64, len(grams[k]))
		for l, g := range grams {
			for i := range rest {
				if l != k {
					rest[i] += g[i]
				}
			}
		}
		w := x.fit(rest, float64(n-(to-from)))
		for i := from; i < to; i++ {
			x.residuals(w, learn[i*c:(i+1)*c], off[i*c:(i+1)*c])
		}
	}
	whole := make([]float64, len(grams[0]))
	for _, g := range grams {
		for i := range whole {
			whole[i] += g[i]
		}
	}
	w, spread := x.fit(whole, float64(n)), make([]float64, c)
	for j := range spread {
		_, sd := moments(off, c, j)
		spread[j] = max(sd, 1e-3)
	}
	score := func(e []float64) float64 {
		for j := range e {
			e[j] /= spread[j]
		}
		return largest(e)
	}
	var normal []float64
	for i := range n {
		normal = append(normal, score(off[i*c:(i+1)*c]))
	}
	limit := max(rank(normal, ridgeRank), 1e-9)
	var o output
	for _, v := range normal {
		o.learnt = append(o.learnt, v/limit)
	}
	e := make([]float64, c)
	for i := 0; i < len(all); i += c {
		x.residuals(w, all[i:i+c], e)
		o.score = append(o.score, score(e)/limit)
		o.shares = append(o.shares, parts(e)...)
	}
	return o
}

// regressors make the features of a row: 1, the values, their squares, and products.
type regressors struct {
	c, p      int
	low, high []float64
	of        [][2]int // the channels of each feature, -1 = none
	phi       []float64
}

func newRegressors(learn []float64, c int) *regressors {
	x := &regressors{c: c, low: make([]float64, c), high: make([]float64, c), of: [][2]int{{-1, -1}}}
	for j := range c {
		x.low[j], x.high[j] = math.Inf(1), math.Inf(-1)
		for i := j; i < len(learn); i += c {
			x.low[j], x.high[j] = min(x.low[j], learn[i]), max(x.high[j], learn[i])
		}
		x.of = append(x.of, [2]int{j, -1}, [2]int{j, j})
	}
	for j := range c {
		for k := range j {
			if c <= ridgeProducts {
				x.of = append(x.of, [2]int{k, j})
			}
		}
	}
	x.p = len(x.of)
	x.phi = make([]float64, x.p)
	return x
}

// features returns those of a row, valid until the next call.
func (x *regressors) features(row []float64) []float64 {
	value := func(j int) float64 {
		if j < 0 {
			return 1
		}
		return min(max(row[j], x.low[j]), x.high[j])
	}
	for i, f := range x.of {
		x.phi[i] = value(f[0]) * value(f[1])
	}
	return x.phi
}

// gram sums the products of features and channels over rows: (p, p+c).
func (x *regressors) gram(learn []float64, from, to int) []float64 {
	q := x.p + x.c
	out := make([]float64, x.p*q)
	for i := from; i < to; i++ {
		row := learn[i*x.c : (i+1)*x.c]
		phi := x.features(row)
		for a, v := range phi {
			sums := out[a*q : (a+1)*q]
			for b, u := range phi {
				sums[b] += v * u
			}
			for j, u := range row {
				sums[x.p+j] += v * u
			}
		}
	}
	return out
}

// fit returns the weights of each channel, (c, p); those of its own features are 0.
func (x *regressors) fit(gram []float64, n float64) []float64 {
	q := x.p + x.c
	out := make([]float64, x.c*x.p)
	for j := range x.c {
		var rest []int
		for i, f := range x.of {
			if f[0] != j && f[1] != j {
				rest = append(rest, i)
			}
		}
		m := len(rest)
		a, y := make([]float64, m*m), make([]float64, m)
		for r, i := range rest {
			for s, k := range rest {
				a[r*m+s] = gram[i*q+k] / n
			}
			if i > 0 { // the mean is not shrunk
				a[r*m+r] += ridgePenalty
			}
			y[r] = gram[i*q+x.p+j] / n
		}
		for r, w := range solve(a, y) {
			out[j*x.p+rest[r]] = w
		}
	}
	return out
}

// residuals puts what each channel is off by into e.
func (x *regressors) residuals(w, row, e []float64) {
	phi := x.features(row)
	for j := range e {
		e[j] = row[j]
		for i, v := range phi {
			e[j] -= w[j*x.p+i] * v
		}
	}
}

// solve returns the x of a·x = y for a symmetric positive a, (m, m), which it overwrites
// with its Cholesky factor.
func solve(a, y []float64) []float64 {
	m := len(y)
	for i := range m {
		for j := range i + 1 {
			sum := a[i*m+j]
			for k := range j {
				sum -= a[i*m+k] * a[j*m+k]
			}
			if i == j {
				a[i*m+i] = math.Sqrt(max(sum, 1e-12))
			} else {
				a[i*m+j] = sum / a[j*m+j]
			}
		}
	}
	x := append([]float64(nil), y...)
	for i := range m {
		for k := range i {
			x[i] -= a[i*m+k] * x[k]
		}
		x[i] /= a[i*m+i]
	}
	for i := m - 1; i >= 0; i-- {
		for k := i + 1; k < m; k++ {
			x[i] -= a[k*m+i] * x[k]
		}
		x[i] /= a[i*m+i]
	}
	return x
}

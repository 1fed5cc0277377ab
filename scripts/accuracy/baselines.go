package main

import "math"

// baselines are the simple detectors that ours is compared with.
var baselines = []detector{
	{name: "z-score", run: func(f file, _ uint64) (output, error) { return zscore(f), nil }},
	{name: "PCA T2+Q", run: func(f file, _ uint64) (output, error) { return pca(f), nil }},
	{name: "AAKR", run: func(f file, _ uint64) (output, error) { return aakr(f), nil }},
	{name: "ridge", run: func(f file, _ uint64) (output, error) { return ridge(f), nil }},
}

// standardised returns z of the learning rows and of all rows, missing cells 0.
func standardised(f file) (learn, all []float64, c int) {
	c = len(f.schema.Channels)
	center, spread := make([]float64, c), make([]float64, c)
	for j := range c {
		var n, sum, square float64
		for i := j; i < len(f.train); i += c {
			if x := f.train[i]; !math.IsNaN(x) {
				n, sum, square = n+1, sum+x, square+x*x
			}
		}
		center[j] = sum / max(n, 1)
		spread[j] = max(math.Sqrt(max(square/max(n, 1)-center[j]*center[j], 0)), 1e-6, 1e-3*math.Abs(center[j]))
	}
	z := func(rows []float64) []float64 {
		out := make([]float64, len(rows))
		for i, x := range rows {
			if !math.IsNaN(x) {
				out[i] = (x - center[i%c]) / spread[i%c]
			}
		}
		return out
	}
	return z(f.train), z(f.rows), c
}

// zscore flags a row when any channel is more than 3 standard deviations off.
func zscore(f file) output {
	learn, all, c := standardised(f)
	score := func(rows []float64) (out []float64) {
		for i := 0; i < len(rows); i += c {
			out = append(out, largest(rows[i:i+c])/3)
		}
		return out
	}
	o := output{score: score(all), learnt: score(learn)}
	for i := 0; i < len(all); i += c {
		o.shares = append(o.shares, parts(all[i:i+c])...)
	}
	return o
}

// largest returns the largest absolute value.
func largest(v []float64) (top float64) {
	for _, x := range v {
		top = max(top, math.Abs(x))
	}
	return top
}

// parts returns each value's part of the sum of squares.
func parts(v []float64) []float64 {
	sum := 0.0
	for _, x := range v {
		sum += x * x
	}
	out := make([]float64, len(v))
	for j, x := range v {
		out[j] = x * x / max(sum, 1e-12)
	}
	return out
}

// pca flags a row when Hotelling's T2 of the leading components (90 % of the
// variance) or the squared residual Q is above its 99 % quantile in learning.
func pca(f file) output {
	learn, all, c := standardised(f)
	p := components(learn, c)
	var t2s, qs []float64
	for i := 0; i < len(learn); i += c {
		t2, q, _ := p.of(learn[i : i+c])
		t2s, qs = append(t2s, t2), append(qs, q)
	}
	t2Limit, qLimit := max(rank(t2s, 0.99), 1e-9), max(rank(qs, 0.99), 1e-9)
	var o output
	for i := range t2s {
		o.learnt = append(o.learnt, max(t2s[i]/t2Limit, qs[i]/qLimit))
	}
	for i := 0; i < len(all); i += c {
		row := all[i : i+c]
		t2, q, residual := p.of(row)
		o.score = append(o.score, max(t2/t2Limit, q/qLimit))
		if q/qLimit >= t2/t2Limit {
			row = residual
		}
		o.shares = append(o.shares, parts(row)...)
	}
	return o
}

// principal are the components of a covariance, of which the first few are kept.
type principal struct {
	values, vectors []float64
	kept            int
	residual        []float64
}

// components returns those of z, (n, c), that hold 90 % of the variance.
func components(z []float64, c int) *principal {
	cov := make([]float64, c*c)
	n := float64(len(z) / c)
	for i := 0; i < len(z); i += c {
		for j := range c {
			for k := range c {
				cov[j*c+k] += z[i+j] * z[i+k] / n
			}
		}
	}
	p := &principal{residual: make([]float64, c)}
	p.values, p.vectors = jacobi(cov, c)
	total, sum := 0.0, 0.0
	for _, v := range p.values {
		total += v
	}
	for p.kept < c && (p.kept == 0 || sum < 0.9*total) {
		sum += p.values[p.kept]
		p.kept++
	}
	return p
}

// of returns T2, Q, and the part of the row that the kept components do not hold,
// which is valid until the next call.
func (p *principal) of(row []float64) (t2, q float64, residual []float64) {
	c := len(row)
	clear(p.residual)
	for k := range c {
		dot := 0.0
		for j := range c {
			dot += row[j] * p.vectors[j*c+k]
		}
		if k < p.kept {
			t2 += dot * dot / max(p.values[k], 1e-9)
			continue
		}
		q += dot * dot
		for j := range c {
			p.residual[j] += dot * p.vectors[j*c+k]
		}
	}
	return t2, q, p.residual
}

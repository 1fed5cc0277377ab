package main

import "math"

// baselines are the simple detectors that ours is compared with.
var baselines = []detector{
	{name: "z-score", run: func(f file, _ uint64) (output, error) { return zscore(f), nil }},
	{name: "PCA T2+Q", run: func(f file, _ uint64) (output, error) { return pca(f), nil }},
	{name: "AAKR", run: func(f file, _ uint64) (output, error) { return aakr(f), nil }},
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
	_, all, c := standardised(f)
	var o output
	for i := 0; i < len(all); i += c {
		top := 0.0
		for _, v := range all[i : i+c] {
			top = max(top, math.Abs(v))
		}
		o.score = append(o.score, top/3)
	}
	return o
}

// pca flags a row when Hotelling's T2 of the leading components (90 % of the
// variance) or the squared residual Q is above its 99 % quantile in learning.
func pca(f file) output {
	learn, all, c := standardised(f)
	cov := make([]float64, c*c)
	n := float64(len(learn) / c)
	for i := 0; i < len(learn); i += c {
		for j := range c {
			for k := range c {
				cov[j*c+k] += learn[i+j] * learn[i+k] / n
			}
		}
	}
	values, vectors := jacobi(cov, c)
	total, kept, sum := 0.0, 0, 0.0
	for _, v := range values {
		total += v
	}
	for kept < c && (kept == 0 || sum < 0.9*total) {
		sum += values[kept]
		kept++
	}
	statistics := func(row []float64) (t2, q float64) {
		for k := range c {
			dot := 0.0
			for j := range c {
				dot += row[j] * vectors[j*c+k]
			}
			if k < kept {
				t2 += dot * dot / max(values[k], 1e-9)
			} else {
				q += dot * dot
			}
		}
		return t2, q
	}
	var t2s, qs []float64
	for i := 0; i < len(learn); i += c {
		t2, q := statistics(learn[i : i+c])
		t2s, qs = append(t2s, t2), append(qs, q)
	}
	t2Limit, qLimit := max(rank(t2s, 0.99), 1e-9), max(rank(qs, 0.99), 1e-9)
	var o output
	for i := 0; i < len(all); i += c {
		t2, q := statistics(all[i : i+c])
		o.score = append(o.score, max(t2/t2Limit, q/qLimit))
	}
	return o
}

package main

import "math"

const (
	memoryRows = 400  // learning rows that are remembered
	aakrRank   = 0.99 // of the learning rows' largest residual
)

// aakr flags a row when its largest standardised residual from an
// auto-associative kernel regression (AAKR, which with other kernels is MSET)
// is above its 99 % quantile in learning: the estimate is the mean of remembered
// rows, weighted by a Gaussian of their distance.
func aakr(f file) output {
	learn, all, c := standardised(f)
	n := len(learn) / c
	var memory []int // offsets of the remembered rows in learn
	for k := range min(n, memoryRows) {
		memory = append(memory, k*n/min(n, memoryRows)*c)
	}
	// The bandwidth is the median distance of a remembered row to its nearest neighbour.
	var nearest []float64
	for _, a := range memory {
		least := math.Inf(1)
		for _, b := range memory {
			if a != b {
				least = min(least, distance2(learn[a:a+c], learn[b:b+c]))
			}
		}
		nearest = append(nearest, least)
	}
	h2 := 2 * max(rank(nearest, 0.5), 1e-9)
	estimate := make([]float64, c)
	off := make([]float64, c)
	residual := func(row []float64, self int) float64 {
		clear(estimate)
		sum, least := 0.0, math.Inf(1)
		weights := make([]float64, len(memory))
		for i, m := range memory {
			weights[i] = math.Inf(1)
			if m != self {
				weights[i] = distance2(row, learn[m:m+c])
				least = min(least, weights[i])
			}
		}
		for i, m := range memory {
			w := math.Exp((least - weights[i]) / h2) // the nearest row has weight 1 at any distance
			if w < 1e-9 {
				continue
			}
			sum += w
			for j, x := range learn[m : m+c] {
				estimate[j] += w * x
			}
		}
		for j, x := range row {
			off[j] = x - estimate[j]/sum
		}
		return largest(off)
	}
	var normal []float64
	for i := 0; i < len(learn); i += c {
		normal = append(normal, residual(learn[i:i+c], i))
	}
	limit := max(rank(normal, aakrRank), 1e-9)
	var o output
	for _, v := range normal {
		o.learnt = append(o.learnt, v/limit)
	}
	for i := 0; i < len(all); i += c {
		o.score = append(o.score, residual(all[i:i+c], -1)/limit)
		o.shares = append(o.shares, parts(off)...)
	}
	return o
}

func distance2(a, b []float64) (sum float64) {
	for j, x := range a {
		sum += (x - b[j]) * (x - b[j])
	}
	return sum
}

package main

import (
	"math"
	"slices"
)

// jacobi returns eigenvalues, largest first, and eigenvectors (columns) of the
// symmetric a, (c, c), by cyclic Jacobi rotations.
func jacobi(a []float64, c int) (values, vectors []float64) {
	a = slices.Clone(a)
	v := make([]float64, c*c)
	for i := range c {
		v[i*c+i] = 1
	}
	for range 60 {
		off := 0.0
		for p := range c {
			for q := p + 1; q < c; q++ {
				off += a[p*c+q] * a[p*c+q]
				rotate(a, v, c, p, q)
			}
		}
		if off < 1e-18 {
			break
		}
	}
	order := make([]int, c)
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int {
		if a[i*c+i] > a[j*c+j] {
			return -1
		}
		return 1
	})
	values, vectors = make([]float64, c), make([]float64, c*c)
	for k, i := range order {
		values[k] = max(a[i*c+i], 0)
		for j := range c {
			vectors[j*c+k] = v[j*c+i]
		}
	}
	return values, vectors
}

// rotate makes a[p,q] zero.
func rotate(a, v []float64, c, p, q int) {
	if math.Abs(a[p*c+q]) < 1e-15 {
		return
	}
	theta := (a[q*c+q] - a[p*c+p]) / (2 * a[p*c+q])
	t := math.Copysign(1, theta) / (math.Abs(theta) + math.Sqrt(theta*theta+1))
	cs := 1 / math.Sqrt(t*t+1)
	sn := t * cs
	for k := range c {
		x, y := a[k*c+p], a[k*c+q]
		a[k*c+p], a[k*c+q] = cs*x-sn*y, sn*x+cs*y
	}
	for k := range c {
		x, y := a[p*c+k], a[q*c+k]
		a[p*c+k], a[q*c+k] = cs*x-sn*y, sn*x+cs*y
		x, y = v[k*c+p], v[k*c+q]
		v[k*c+p], v[k*c+q] = cs*x-sn*y, sn*x+cs*y
	}
}

// rank returns the q quantile of v, linear between ranks.
func rank(v []float64, q float64) float64 {
	s := slices.Clone(v)
	slices.Sort(s)
	at := q * float64(len(s)-1)
	i := int(at)
	j := min(i+1, len(s)-1)
	return s[i] + (at-float64(i))*(s[j]-s[i])
}

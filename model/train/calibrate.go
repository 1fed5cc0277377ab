package train

import (
	"math"
	"slices"

	"iot-edge-anomaly/model"
)

const (
	ridge      = 0.05 // added to the diagonal of the correlation matrix
	longFloor  = 0.3  // part of the drift floor in the term Jump from longRows on
	driftRanks = 33
	// leastResidual is the smallest residual scale, in units of u. The mean residual of
	// a whole cycle is so steady that a small bias of the network in a rare state, such
	// as a cold start at another phase, would otherwise be many times its scale.
	leastResidual = 0.3
)

// neutral fills in what a Scorer needs before anything is calibrated: terms of such a
// model are not divided by a limit.
func neutral(p *model.Parameters, c int) {
	p.ResidualCenter, p.ResidualScale = make([]float32, c), ones(c)
	p.LevelCenter, p.LevelScale = make([]float32, c), ones(c)
	p.Precision, p.Still, p.Limits = identity(c), make([]float32, c), ones(model.Terms)
	p.Step, p.Rough = make([]float64, c), make([]int32, c)
	for j := range p.Step {
		p.Step[j] = 1
	}
	p.MissingMargin = make([]float32, c)
	p.Ranks, p.Percentiles = []float32{0, 0.5}, []float32{0, 1}
	p.Drift, p.DriftRows, p.DriftTime, p.DriftScore = make([]float64, 2*c), make([]int32, c), ones(c), ones(3)
}

// levels sets what the terms Level, Jump and Sensor need; they do not depend on the
// networks. as are in units of u.
func (l *learner) levels(p *model.Parameters, u []float32, as []allowance) {
	for j := range l.set.c {
		p.LevelCenter[j] = float32(l.middle(u, j, p.Mean))
		p.LevelScale[j] = float32(max(as[j].sd, as[j].drift))
		if l.set.still(j) {
			p.LevelScale[j] = 1
		}
	}
	part := 1.0
	if l.long() {
		part = longFloor
	}
	p.Precision = precision(u, l.set.c, as, part)
	l.sensors(p)
}

// middle returns the median, over the rows that set the limits, of the means of m rows
// of channel j of v; 0 if there are none.
func (l *learner) middle(v []float32, j, m int) float64 {
	f := slices.DeleteFunc(means(v, l.set.c, j, m)[l.from:], math.IsNaN)
	if len(f) == 0 {
		return 0
	}
	slices.Sort(f)
	return quantile(f, 0.5)
}

// calibrate sets everything in p that follows from the int8 networks' residuals over
// the learning rows.
func (l *learner) calibrate(p *model.Parameters, as []allowance, folds []fold) error {
	p.Drift = l.set.quantiles(driftRanks)
	e, err := l.residuals(*p, folds)
	if err != nil {
		return err
	}
	for j := range l.set.c {
		f := slices.DeleteFunc(means(e, l.set.c, j, p.Mean), math.IsNaN)
		_, sd := spreadOf(f)
		p.ResidualCenter[j] = float32(l.middle(e, j, p.Mean))
		p.ResidualScale[j] = float32(max(sd, as[j].drift, leastResidual))
		if l.set.still(j) {
			p.ResidualScale[j] = 1
		}
	}
	l.detailResiduals(p, e)
	e = nil // frees as much memory as the terms take
	terms, err := l.terms(*p, folds)
	if err != nil {
		return err
	}
	l.limits(p, terms)
	values := largest(terms, p.Limits)
	if err := l.missingMargins(p); err != nil {
		return err
	}
	l.detailScores(values)
	l.warnClustered(values)
	p.DriftScore = scoreReference(values)
	slices.Sort(values)
	p.Ranks, p.Percentiles = rankTable(values)
	p.DriftRows, p.DriftTime = l.set.driftSizes()
	l.warnDrift(p)
	l.warnRange(p)
	l.report.Scored = len(values)
	l.report.Above = len(values) - indexAbove(values)
	return nil
}

// indexAbove returns the index of the first element of sorted v above 1.
func indexAbove(v []float32) int {
	i, _ := slices.BinarySearchFunc(v, 1, func(x float32, t int) int {
		if x > float32(t) {
			return 1
		}
		return -1
	})
	return i
}

// precision returns the inverse, (c, c), of the shrunk covariance of u, (n, c): part of
// the drift floor and the ridge are added to the diagonal of the correlation matrix.
func precision(u []float32, c int, as []allowance, part float64) []float32 {
	sd := make([]float64, c)
	a := make([]float64, c*c)
	n := make([]float64, c*c)
	for i := 0; i < len(u); i += c {
		row := u[i : i+c]
		for j, x := range row {
			if x != x {
				continue
			}
			for k, y := range row[:j+1] {
				if y == y {
					a[j*c+k] += float64(x) * float64(y)
					n[j*c+k]++
				}
			}
		}
	}
	for j := range c {
		sd[j] = max(math.Sqrt(a[j*c+j]/max(n[j*c+j], 1)), 1e-3)
		if a[j*c+j] == 0 { // it never moved
			sd[j] = 1
		}
	}
	for j := range c {
		for k := range j + 1 {
			v := a[j*c+k] / max(n[j*c+k], 1) / (sd[j] * sd[k])
			a[j*c+k], a[k*c+j] = v, v
		}
	}
	for j := range c {
		floor := part * as[j].drift / sd[j]
		a[j*c+j] = 1 + ridge + floor*floor
	}
	inv := inverse(a, c)
	out := make([]float32, c*c)
	for j := range c {
		for k := range c {
			out[j*c+k] = float32(inv[j*c+k] / (sd[j] * sd[k]))
		}
	}
	return out
}

// inverse returns the inverse of the symmetric positive definite a, (c, c), by
// Gauss-Jordan elimination without pivoting, as the ridge keeps every pivot above zero.
// It overwrites a.
func inverse(a []float64, c int) []float64 {
	inv := make([]float64, c*c)
	for i := range c {
		inv[i*c+i] = 1
	}
	for i := range c {
		p := max(a[i*c+i], ridge/10)
		for k := range c {
			a[i*c+k] /= p
			inv[i*c+k] /= p
		}
		for j := range c {
			f := a[j*c+i]
			if j == i || f == 0 {
				continue
			}
			for k := range c {
				a[j*c+k] -= f * a[i*c+k]
				inv[j*c+k] -= f * inv[i*c+k]
			}
		}
	}
	for j := range c {
		for k := range j {
			v := (inv[j*c+k] + inv[k*c+j]) / 2
			inv[j*c+k], inv[k*c+j] = v, v
		}
	}
	return inv
}

// quantiles returns the quantiles of every channel at k equidistant ranks, (k, c).
func (t *trainingSet) quantiles(k int) []float64 {
	q := make([]float64, k*t.c)
	for j := range t.c {
		v := t.column(j)
		slices.Sort(v)
		for i := range k {
			q[i*t.c+j] = quantile(v, float64(i)/float64(k-1))
		}
	}
	return q
}

// ones returns n ones.
func ones(n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = 1
	}
	return v
}

// identity returns the identity matrix, (n, n).
func identity(n int) []float32 {
	v := make([]float32, n*n)
	for i := range n {
		v[i*n+i] = 1
	}
	return v
}

package train

import (
	"math"
	"slices"

	"iot-edge-anomaly/model"
)

const (
	ridge       = 0.05 // on the correlation's diagonal
	limitRank   = 0.999
	limitFactor = 0.6 // the limit is 1 + this above the quantile at 400 rows
	longRows    = 2000
	longFloor   = 0.3 // part of the drift floor in term s from longRows on
	ranks       = 201 // of the percentile table
	driftRanks  = 33
)

// calibrate sets everything in p that follows from the int8 network's residuals
// over the learning rows. ws are in units of u.
func (l *learner) calibrate(p *model.Parts, ws []wander) error {
	c := l.t.c
	p.ResidualScale, p.LevelScale = ones(c), ones(c)
	p.Precision, p.Limits = identity(c), ones(model.Terms)
	p.Percentiles, p.Drift = []float32{0, 1}, make([]float64, 2*c)
	e, err := l.residuals(*p)
	if err != nil {
		return err
	}
	for j := range c {
		f := slices.DeleteFunc(means(e, c, j, p.Mean), math.IsNaN)
		_, sd := spreadOf(f)
		p.ResidualScale[j] = float32(max(sd, ws[j].drift, 1e-3))
		p.LevelScale[j] = float32(max(ws[j].sd, ws[j].drift))
	}
	part := 1.0
	if l.t.used >= longRows {
		part = longFloor
	}
	p.Precision = precision(e, c, ws, part)
	terms, err := l.terms(*p)
	if err != nil {
		return err
	}
	factor := 1 + limitFactor*math.Pow(400/float64(l.t.used), 0.15)
	values := make([]float32, len(terms)/model.Terms)
	for k := range p.Limits {
		v := make([]float32, len(values))
		for i := range v {
			v[i] = terms[i*model.Terms+k]
		}
		slices.Sort(v)
		p.Limits[k] = max(quantile(v, limitRank)*float32(factor), 1e-6)
	}
	for i := range values {
		for k, limit := range p.Limits {
			values[i] = max(values[i], terms[i*model.Terms+k]/limit)
		}
	}
	slices.Sort(values)
	p.Percentiles = table32(values, ranks)
	p.Drift = l.t.quantiles(driftRanks)
	l.report.Scored = len(values)
	l.report.Above = len(values) - indexAbove(values)
	return nil
}

// indexAbove returns the first index of sorted v above 1.
func indexAbove(v []float32) int {
	i, _ := slices.BinarySearchFunc(v, 1, func(x float32, t int) int {
		if x > float32(t) {
			return 1
		}
		return -1
	})
	return i
}

// residuals runs the learning rows through a Scorer and returns (2) of package
// model for each, (n, c), NaN where there is none.
func (l *learner) residuals(p model.Parts) ([]float32, error) {
	e := make([]float32, len(l.t.rows))
	err := l.score(p, "calibrating", 0.85, 0.93, func(i int, s *model.Scorer, _ model.Score, _ bool) {
		row := e[i*l.t.c : (i+1)*l.t.c]
		if r, ok := s.Residual(); ok {
			copy(row, r)
			return
		}
		for j := range row {
			row[j] = float32(math.NaN())
		}
	})
	return e, err
}

// terms runs the learning rows through a Scorer and returns the terms of every
// row that has a score, (rows, model.Terms).
func (l *learner) terms(p model.Parts) ([]float32, error) {
	v := make([]float32, 0, l.t.used*model.Terms)
	err := l.score(p, "calibrating", 0.93, 1, func(_ int, s *model.Scorer, _ model.Score, ok bool) {
		if ok {
			t := s.Terms()
			v = append(v, t[:]...)
		}
	})
	if err == nil && len(v) < 16*model.Terms {
		return nil, l.tooShort(p)
	}
	return v, err
}

// score pushes every learning row through a Scorer of p.
func (l *learner) score(p model.Parts, phase string, from, to float64, each func(int, *model.Scorer, model.Score, bool)) error {
	m, err := model.New(p)
	if err != nil {
		return err
	}
	s := model.NewScorer(m)
	for i := range l.t.n {
		v, ok := s.Push(l.t.row(i))
		each(i, s, v, ok)
		if i%64 == 0 {
			if err := l.pace.step(phase, from+(to-from)*float64(i)/float64(l.t.n), l.report.Loss); err != nil {
				return err
			}
		}
	}
	return nil
}

// precision returns the inverse of the shrunk covariance of e, (c, c): drift
// floor and ridge are added to the diagonal of the correlation.
func precision(e []float32, c int, ws []wander, part float64) []float32 {
	sd := make([]float64, c)
	a := make([]float64, c*c)
	n := make([]float64, c*c)
	for i := 0; i < len(e); i += c {
		row := e[i : i+c]
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
	}
	for j := range c {
		for k := range j + 1 {
			v := a[j*c+k] / max(n[j*c+k], 1) / (sd[j] * sd[k])
			a[j*c+k], a[k*c+j] = v, v
		}
	}
	for j := range c {
		floor := part * ws[j].drift / sd[j]
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
// Gauss-Jordan without pivoting; the ridge keeps every pivot above zero.
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

// quantiles returns k equidistant ranks of every channel, (k, c).
func (t *table) quantiles(k int) []float64 {
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

// table32 returns k equidistant ranks of sorted v.
func table32(v []float32, k int) []float32 {
	q := make([]float32, k)
	for i := range q {
		q[i] = quantile(v, float64(i)/float64(k-1))
	}
	return q
}

func ones(n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = 1
	}
	return v
}

func identity(n int) []float32 {
	v := make([]float32, n*n)
	for i := range n {
		v[i*n+i] = 1
	}
	return v
}

package train

import (
	"math"

	"iot-edge-anomaly/model"
	"iot-edge-anomaly/quant"
)

const (
	foldCount   = 4
	foldWindows = maxWindows / foldCount // so that all folds together cost as much as the model
)

// fold is a stretch of the learning rows and networks that were not trained on it. A
// short recording has one fold: all rows, and the networks that were trained on them.
type fold struct {
	from, to int
	layers   []model.Layer
	in, out  []float32 // golden vectors
}

// use returns a copy of p with the fold's networks.
func (f fold) use(p model.Parameters) model.Parameters {
	p.Layers, p.GoldenIn, p.GoldenOut = f.layers, f.in, f.out
	return p
}

// folds trains networks for each stretch on the windows outside of it, with a gap of
// one score's rows on both sides, because the residuals of rows that a network was
// trained on are too small. Scale, cycle and drift allowance are those of all rows.
func (l *learner) folds(p *model.Parameters, u []float32) ([]fold, error) {
	if !l.long() {
		return []fold{{0, l.set.n, p.Layers, p.GoldenIn, p.GoldenOut}}, nil
	}
	all := l.set.starts(u, p.Window, math.MaxInt)
	gap := p.Window + p.Mean + p.Smooth
	out := make([]fold, foldCount)
	for k := range out {
		f := fold{from: k * l.set.n / foldCount, to: (k + 1) * l.set.n / foldCount}
		var starts []int
		for _, s := range all {
			if s+p.Window+gap <= f.from || s >= f.to+gap {
				starts = append(starts, s)
			}
		}
		const part = 0.4 / foldCount
		from, seed := 0.45+part*float64(k), l.o.Seed+uint64(k)+1
		q := *p
		if len(starts) >= batch { // else the machine ran in this stretch only
			if _, err := l.network(&q, u, thin(starts, foldWindows), seed, from, from+part); err != nil {
				return nil, err
			}
		}
		f.layers, f.in, f.out = q.Layers, q.GoldenIn, q.GoldenOut
		out[k] = f
	}
	return out, nil
}

// residuals runs the learning rows through Scorers of the folds and returns (2) of
// package model for each row, (n, c), NaN where there is none.
func (l *learner) residuals(p model.Parameters, folds []fold) (e []float32, err error) {
	e = unknown(len(l.set.rows))
	err = l.score(p, folds, 0.85, 0.92, func(i int, s *model.Scorer, _ bool) {
		if r, ok := s.Residual(); ok {
			copy(e[i*l.set.c:(i+1)*l.set.c], r)
		}
	})
	return e, err
}

// unknown returns n NaNs.
func unknown(n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(math.NaN())
	}
	return v
}

// terms runs the learning rows through Scorers of the folds and returns the terms of
// every row that has a score and sets limits, (rows, model.Terms). It stores the
// indices of these rows in l.scored.
func (l *learner) terms(p model.Parameters, folds []fold) ([]float32, error) {
	v := make([]float32, 0, l.set.used*model.Terms)
	l.scored = l.scored[:0]
	err := l.score(p, folds, 0.92, 0.96, func(i int, s *model.Scorer, ok bool) {
		if ok && i >= l.from {
			t := s.Terms()
			v = append(v, t[:]...)
			l.scored = append(l.scored, int32(i))
		}
	})
	if err == nil && len(v) < 16*model.Terms {
		return nil, l.tooShort(p)
	}
	return v, err
}

// score pushes every learning row through the Scorer of its fold and calls each with
// its index. A Scorer starts early enough to be filled when its fold begins.
func (l *learner) score(p model.Parameters, folds []fold, from, to float64, each func(row int, s *model.Scorer, ok bool)) error {
	for _, f := range folds {
		m, err := model.New(f.use(p))
		if err != nil {
			return err
		}
		s := model.NewScorer(m)
		first := max(0, f.from-m.FillRows()-l.set.settle())
		for i := first; i < f.to; i++ {
			if (i-first)%quant.Windows == 0 && i+quant.Windows <= f.to {
				s.Ahead(l.set.row(i), l.set.row(i+1), l.set.row(i+2), l.set.row(i+3))
			}
			_, ok := s.Push(l.set.row(i))
			if i >= f.from {
				each(i, s, ok)
			}
			if i%8 == 0 {
				done := float64(max(i, f.from)) / float64(l.set.n)
				if err := l.pace.step("calibrating", from+(to-from)*done, l.report.Loss); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

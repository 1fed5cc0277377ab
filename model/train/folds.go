package train

import (
	"math"

	"iot-edge-anomaly/model"
	"iot-edge-anomaly/quant"
)

const (
	foldCount   = 4
	foldWindows = maxWindows / foldCount // so that all folds cost what the model costs
)

// fold is a stretch of learning rows and the network that has not seen it. A
// short recording has one: all rows, and the network that has seen them.
type fold struct {
	from, to int
	layers   []model.Layer
	in, out  []float32           // golden vectors
	peers    *model.CrossNetwork // nil = none
}

// use puts the fold's network into a copy of p.
func (f fold) use(p model.Parameters) model.Parameters {
	p.Layers, p.GoldenIn, p.GoldenOut = f.layers, f.in, f.out
	if p.Cross != nil {
		own := *p.Cross
		own.Layers, own.GoldenIn, own.GoldenOut = f.peers.Layers, f.peers.GoldenIn, f.peers.GoldenOut
		p.Cross = &own
	}
	return p
}

// folds trains a network for each stretch on the windows outside of it, with a
// gap of one score's rows on both sides. Residuals of rows that a network was
// trained on flatter it. Scale, cycle and drift are those of all rows.
func (l *learner) folds(p *model.Parameters, u []float32) ([]fold, error) {
	if !l.long() {
		return []fold{{0, l.t.n, p.Layers, p.GoldenIn, p.GoldenOut, p.Cross}}, nil
	}
	all := l.t.starts(u, p.Window, math.MaxInt)
	gap := p.Window + p.Mean + p.Smooth
	out := make([]fold, foldCount)
	for k := range out {
		f := fold{from: k * l.t.n / foldCount, to: (k + 1) * l.t.n / foldCount}
		var starts []int
		for _, s := range all {
			if s+p.Window+gap <= f.from || s >= f.to+gap {
				starts = append(starts, s)
			}
		}
		const part = 0.4 / foldCount
		from, seed := 0.45+part*float64(k), l.o.Seed+uint64(k)+1
		q := *p
		if len(starts) >= batch { // else everything ran in this one stretch
			if _, err := l.network(&q, u, thin(starts, foldWindows), seed, from, from+part/2); err != nil {
				return nil, err
			}
			// Fewer would make networks that are coarser than the one that runs, and
			// limits so much higher.
			if err := l.peers(&q, u, thin(starts, maxWindows), seed, from+part/2, from+part); err != nil {
				return nil, err
			}
		}
		f.layers, f.in, f.out, f.peers = q.Layers, q.GoldenIn, q.GoldenOut, q.Cross
		out[k] = f
	}
	return out, nil
}

// residuals runs the learning rows through Scorers of the folds and returns (2)
// and (10) of package model for each, (n, c), NaN where there is none; g is nil
// without peers.
func (l *learner) residuals(p model.Parameters, folds []fold) (e, g []float32, err error) {
	e = unknown(len(l.t.rows))
	if p.Cross != nil {
		g = unknown(len(l.t.rows))
	}
	err = l.score(p, folds, 0.85, 0.92, func(i int, s *model.Scorer, _ bool) {
		if r, ok := s.Residual(); ok {
			copy(e[i*l.t.c:(i+1)*l.t.c], r)
		}
		if g != nil {
			s.CrossResidual(g[i*l.t.c : (i+1)*l.t.c])
		}
	})
	return e, g, err
}

// unknown returns n times NaN.
func unknown(n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(math.NaN())
	}
	return v
}

// terms runs the learning rows through Scorers of the folds and returns the
// terms of every row that has a score and sets limits, (rows, model.Terms).
func (l *learner) terms(p model.Parameters, folds []fold) ([]float32, error) {
	v := make([]float32, 0, l.t.used*model.Terms)
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

// score pushes every learning row through the Scorer of its fold, which has seen
// enough rows before the fold to be filled.
func (l *learner) score(p model.Parameters, folds []fold, from, to float64, each func(row int, s *model.Scorer, ok bool)) error {
	for _, f := range folds {
		m, err := model.New(f.use(p))
		if err != nil {
			return err
		}
		s := model.NewScorer(m)
		first := max(0, f.from-m.FillRows()-l.t.settle())
		for i := first; i < f.to; i++ {
			if (i-first)%quant.Windows == 0 && i+quant.Windows <= f.to {
				s.Ahead(l.t.row(i), l.t.row(i+1), l.t.row(i+2), l.t.row(i+3))
			}
			_, ok := s.Push(l.t.row(i))
			if i >= f.from {
				each(i, s, ok)
			}
			if i%64 == 0 {
				done := float64(max(i, f.from)) / float64(l.t.n)
				if err := l.pace.step("calibrating", from+(to-from)*done, l.report.Loss); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

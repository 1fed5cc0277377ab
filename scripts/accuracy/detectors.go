package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"sync"
	"time"

	"iot-edge-anomaly/model"
	"iot-edge-anomaly/model/train"
)

// output is what a detector returns for one file.
type output struct {
	score  []float64 // (n) NaN = no score; 1.0 = threshold
	shares []float64 // (n, C) or nil
	learnt []float64 // of a baseline: scores of the learning rows, as rows that were not learnt have them
	took   time.Duration
}

// detector learns a file's learning rows and scores all its rows.
type detector struct {
	name  string
	seeds bool // whether the result depends on the seed
	run   func(f file, seed uint64) (output, error)
}

// learned holds the models that were learnt already: files of one set may share their
// learning rows.
type learned struct {
	mu   sync.Mutex
	once map[string]func() (*model.Model, time.Duration, error)
}

func (l *learned) clear() { l.once = nil }

// model learns f's learning rows, once for each seed and reference.
func (l *learned) model(f file, seed uint64, ref model.Reference, verbose io.Writer) (*model.Model, time.Duration, error) {
	key := fmt.Sprintf("%s %d %d", f.trainKey, seed, ref)
	l.mu.Lock()
	get := l.once[key]
	if l.once == nil {
		l.once = map[string]func() (*model.Model, time.Duration, error){}
	}
	if get == nil {
		get = onceModel(func() (*model.Model, time.Duration, error) {
			start := time.Now()
			m, report, err := train.Train(context.Background(), f.schema, f.train, train.Options{Seed: seed, Version: f.name, Reference: ref})
			if err != nil {
				return nil, 0, fmt.Errorf("%s: %w", f.name, err)
			}
			if verbose != nil {
				fmt.Fprintf(verbose, "%s: %s", f.name, report)
			}
			return m, time.Since(start), nil
		})
		l.once[key] = get
	}
	l.mu.Unlock()
	return get()
}

func onceModel(f func() (*model.Model, time.Duration, error)) func() (*model.Model, time.Duration, error) {
	var once sync.Once
	var m *model.Model
	var took time.Duration
	var err error
	return func() (*model.Model, time.Duration, error) {
		once.Do(func() { m, took, err = f() })
		return m, took, err
	}
}

// ours is the detector of the agent, or the same with another network than the int8
// one. Reports of learning go to verbose unless it is nil.
func ours(l *learned, name string, ref model.Reference, verbose io.Writer) detector {
	return detector{name: name, seeds: ref != model.None, run: func(f file, seed uint64) (output, error) {
		m, took, err := l.model(f, seed, ref, verbose)
		if err != nil {
			return output{}, err
		}
		out := scores(m, f.rows)
		out.took = took
		return out, nil
	}}
}

// scores runs rows through a Scorer.
func scores(m *model.Model, rows []float64) (out output) {
	s, c := model.NewScorer(m), len(m.Schema().Channels)
	for i := 0; i < len(rows); i += c {
		v, ok := s.Push(rows[i : i+c])
		if !ok {
			out.score = append(out.score, math.NaN())
			out.shares = append(out.shares, make([]float64, c)...)
			continue
		}
		out.score = append(out.score, float64(v.Value))
		for _, x := range v.Shares {
			out.shares = append(out.shares, float64(x))
		}
	}
	return out
}

// rearmed passes a detector's scores through the self-rebaselining threshold.
func rearmed(d detector) detector {
	run := d.run
	d.name += ", rearm"
	d.run = func(f file, seed uint64) (output, error) {
		o, err := run(f, seed)
		if err != nil {
			return o, err
		}
		r := newRearm(f.schema.Period)
		for i, v := range o.score {
			o.score[i] = r.Push(v)
		}
		return o, nil
	}
	return d
}

package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"time"

	"iot-edge-anomaly/model"
	"iot-edge-anomaly/model/train"
)

// output is what a detector says of one file.
type output struct {
	score  []float64 // (n) NaN while there is none; 1.0 = threshold
	shares []float64 // (n, C) or nil
	took   time.Duration
}

// detector learns a file's learning rows and scores all its rows.
type detector struct {
	name  string
	seeds bool // whether the seed matters
	run   func(f file, seed uint64) (output, error)
}

// autoencoder is what ships: package model/train and model.Scorer. Reports of
// learning go to verbose unless that is nil.
func autoencoder(verbose io.Writer) detector {
	return detector{name: "autoencoder int8", seeds: true, run: func(f file, seed uint64) (output, error) {
		start := time.Now()
		m, report, err := train.Train(context.Background(), f.schema, f.train, train.Options{Seed: seed, Version: f.name})
		if err != nil {
			return output{}, fmt.Errorf("%s: %w", f.name, err)
		}
		out := output{took: time.Since(start)}
		if verbose != nil {
			fmt.Fprintf(verbose, "%s: %s", f.name, report)
		}
		s, c := model.NewScorer(m), len(f.schema.Channels)
		for i := 0; i < len(f.rows); i += c {
			v, ok := s.Push(f.rows[i : i+c])
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
		return out, nil
	}}
}

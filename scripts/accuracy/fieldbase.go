package main

import (
	"math"
	"slices"
	"time"

	"iot-edge-anomaly/agent/detect"
	"iot-edge-anomaly/agent/judge"
	"iot-edge-anomaly/model"
)

// baseline runs a detector on the rows of r during which the machine runs. Its threshold is
// the least at which the learning rows would open no event.
func baseline(d detector) func(*recording, uint64) (watching, error) {
	return func(r *recording, seed uint64) (w watching, err error) {
		c, n := len(r.schema.Channels), len(r.rows)/len(r.schema.Channels)
		f, gate := file{schema: r.schema}, model.NewGate(r.schema)
		var ran []int
		for i := range n {
			row := r.rows[i*c : (i+1)*c]
			if !gate.Running(row) {
				continue
			}
			ran, f.rows = append(ran, i), append(f.rows, row...)
			if i < len(r.train)/c {
				f.train = f.rows
			}
		}
		o, err := d.run(f, seed)
		if err != nil {
			return w, err
		}
		limit := silent(o.learnt)
		all := output{score: slices.Repeat([]float64{math.NaN()}, n), shares: make([]float64, n*c)}
		for k, i := range ran {
			all.score[i] = o.score[k] / limit
			copy(all.shares[i*c:], o.shares[k*c:(k+1)*c])
		}
		w.score = all.score
		w.alarms, err = alarmed(r, all)
		return w, err
	}
}

// silent returns the least limit that no 3 of 5 scores in sequence exceed, as the default
// policy demands of an event.
func silent(scores []float64) float64 {
	const n, m = 3, 5
	limit := 1e-9
	for i := range scores {
		last := slices.Sorted(slices.Values(scores[max(0, i-m+1) : i+1]))
		if len(last) >= n {
			limit = max(limit, last[len(last)-n])
		}
	}
	return limit
}

// alarmed takes the scores of another detector through the default policy.
func alarmed(r *recording, o output) (out []alarm, err error) {
	d, err := detect.New(policy(r.schema))
	if err != nil {
		return nil, err
	}
	gate, c := model.NewGate(r.schema), len(r.schema.Channels)
	s := model.Score{Shares: make([]float32, c), Expected: make([]float64, c)}
	before := math.Inf(-1)
	for i, v := range o.score {
		at := time.UnixMilli(int64(math.Round(1000 * r.at[i]))).UTC()
		row := r.rows[i*c : (i+1)*c]
		if r.at[i]-before > judge.GapRows*r.schema.Period.Seconds() {
			d.Gap(at)
		}
		before = r.at[i]
		var ev detect.Event
		var changed bool
		switch {
		case !gate.Running(row):
			ev, changed = d.Idle(at)
		case math.IsNaN(v):
			d.Gap(at)
		default:
			s.Value = float32(v)
			for j := range s.Shares {
				s.Shares[j], s.Expected[j] = float32(o.shares[i*c+j]), math.NaN()
			}
			ev, changed = d.Push(at, s)
		}
		switch {
		case changed && ev.State == detect.Open:
			out = append(out, alarm{r.at[i], math.Inf(1), ev.Causes[0].Channel})
		case changed && ev.State == detect.Close:
			out[len(out)-1].to = r.at[i]
		}
	}
	return out, nil
}

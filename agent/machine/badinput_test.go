package machine

import (
	"math"
	"testing"
	"time"

	"iot-edge-anomaly/agent/detect"
	"iot-edge-anomaly/agent/judge"
)

// TestMachine_badInput: what a running machine makes of rows that are not what
// they should be: its state, and whether it raises an event. See docs/detect.md.
func TestMachine_badInput(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, c := range []struct {
		name   string
		row    func(f *feeder, i int) []float64 // of 200 rows
		state  judge.State                      // after them
		events bool
	}{
		{"healthy", func(f *feeder, _ int) []float64 { return plantRow(f.rnd, f.n, true, 0) }, judge.Normal, false},
		{"every channel constant", func(*feeder, int) []float64 { return []float64{40, 20, 8, 60} }, judge.Anomaly, true},
		{"all missing", func(*feeder, int) []float64 { return []float64{nan, nan, nan, nan} }, judge.Blind, false},
		{"all infinite", func(*feeder, int) []float64 { return []float64{inf, inf, inf, inf} }, judge.Blind, false},
		{"infinities here and there", func(f *feeder, i int) []float64 {
			row := plantRow(f.rnd, f.n, true, 0)
			if i%9 == 0 {
				row[1+i%3] = inf
			}
			return row
		}, judge.Normal, false},
		{"tenfold jump", func(f *feeder, _ int) []float64 {
			row := plantRow(f.rnd, f.n, true, 0)
			for k := range row {
				row[k] *= 10
			}
			return row
		}, judge.Anomaly, true},
		{"time running backwards", func(f *feeder, _ int) []float64 {
			f.at = f.at.Add(-3 * time.Second) // push adds one
			return plantRow(f.rnd, f.n, true, 0)
		}, judge.Normal, false},
		{"gaps in time", func(f *feeder, i int) []float64 {
			if i%50 == 0 {
				f.at = f.at.Add(time.Hour)
			}
			return plantRow(f.rnd, f.n, true, 0)
		}, judge.Normal, false},
		{"duplicated rows", func(f *feeder, i int) []float64 {
			if i%2 == 1 {
				f.at, f.n = f.at.Add(-time.Second), f.n-1
				return f.last
			}
			return plantRow(f.rnd, f.n, true, 0)
		}, judge.Normal, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			rep := &collected{}
			o := options(t, rep)
			o.Limits = nil
			f := newFeeder(t, o)
			f.learnt()
			f.watching()
			for i := range 200 {
				f.push(c.row(f, i))
			}
			f.want(c.state)
			if (len(rep.events) > 0) != c.events {
				t.Errorf("events %+v", rep.events)
			}
			var open bool
			for _, ev := range rep.events {
				if (ev.State == detect.Open) == open {
					t.Fatalf("unbalanced: %+v", rep.events)
				}
				open = ev.State != detect.Close
			}
		})
	}
}

// TestOneRowAndNone: before anything is known nothing is said.
func TestOneRowAndNone(t *testing.T) {
	rep := &collected{}
	f := newFeeder(t, options(t, rep))
	f.want(judge.Learning)
	f.rows(1, true, 0)
	f.want(judge.Learning)
	if s := f.m.Status(); !math.IsNaN(s.Score) || len(rep.events) != 0 {
		t.Errorf("score %v, events %+v", s.Score, rep.events)
	}
}

// TestConstantLearningIsRefused: a machine that never moved while it was learnt is
// learnt anew.
func TestConstantLearningIsRefused(t *testing.T) {
	rep := &collected{}
	f := newFeeder(t, options(t, rep))
	for f.m.Status().Errors == 0 {
		if f.push([]float64{40, 20, 8, 60}); f.n > 10_000 {
			t.Fatalf("learnt from nothing: %+v", f.m.Status())
		}
		f.await()
	}
	f.want(judge.Learning)
	f.learnt()
}

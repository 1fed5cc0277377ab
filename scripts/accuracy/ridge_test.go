package main

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"iot-edge-anomaly/model"
)

// TestRidge: a channel that is a product of two others is expected from them, and an
// offset of a tenth of its deviation is found and blamed on it.
func TestRidge(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	f := file{schema: model.Schema{Channels: named("a", "b", "c")}}
	for range 900 {
		a, b := rng.NormFloat64(), rng.NormFloat64()
		f.rows = append(f.rows, a, b, a*b+0.01*rng.NormFloat64())
	}
	f.train = f.rows[:3*800]
	f.rows[3*850+2] += 0.15
	o := ridge(f)
	if len(o.score) != 900 || len(o.learnt) != 800 || o.score[850] <= 1.5 || o.shares[3*850+2] < 0.9 {
		t.Errorf("%d and %d scores; offset %g, shares %v", len(o.score), len(o.learnt), o.score[850], o.shares[3*850:3*851])
	}
	above := 0
	for _, v := range o.learnt {
		if v > 1 {
			above++
		}
	}
	if above < 6 || above > 9 {
		t.Errorf("%d of 800 learning rows are above the 99 %% quantile", above)
	}
}

func TestSolve(t *testing.T) {
	x := solve([]float64{4, 2, 2, 3}, []float64{10, 9})
	if math.Abs(x[0]-1.5) > 1e-12 || math.Abs(x[1]-2) > 1e-12 {
		t.Errorf("%v, want 1.5 and 2", x)
	}
}

func TestSilent(t *testing.T) {
	for _, c := range []struct {
		scores []float64
		want   float64
	}{
		{[]float64{1, 9, 1, 8, 1, 1}, 1},
		{[]float64{9, 1, 1, 8, 1, 7, 1}, 1}, // three within six rows
		{[]float64{9, 1, 8, 1, 7, 1}, 7},
		{[]float64{1, 9, 8, 1, 7, 1}, 7},
		{[]float64{5, 6}, 1e-9}, // never three
	} {
		if got := silent(c.scores); got != c.want {
			t.Errorf("%v: %g, want %g", c.scores, got, c.want)
		}
	}
}

// TestBaseline: each opens an alarm on an offset, names the channel, has no alarm in the
// learning rows and no score while the machine stands.
func TestBaseline(t *testing.T) {
	r := recording{file: file{name: "a.csv"}}
	r.schema = model.Schema{Period: time.Minute, Channels: named("on", "x", "y"), RunWhen: &model.Condition{Channel: "on", Above: 0.5, Below: math.NaN()}}
	rng := rand.New(rand.NewPCG(2, 2))
	for i := range 1000 {
		on, x, y := 1.0, rng.NormFloat64(), rng.NormFloat64()
		if i%100 >= 80 {
			on = 0
		}
		y = x + 0.1*y
		if i >= 910 && i < 930 {
			y += 40
		}
		r.rows, r.at = append(r.rows, on, x, y), append(r.at, float64(60*i))
		r.truth.anomalous, r.truth.scored = append(r.truth.anomalous, i >= 910 && i < 930), append(r.truth.scored, i >= 600)
	}
	r.train = r.rows[:3*600]
	r.faults = []fault{{910 * 60, 929 * 60, "y"}}
	for _, d := range baselines {
		w, err := baseline(d)(&r, 1)
		if err != nil {
			t.Fatal(err)
		}
		o := r.count(w, &protocol{})
		right := 1
		if d.name == "ridge" || d.name == "PCA T2+Q" {
			right = o.right // what x is expected to be follows y
		}
		if o.fresh != 1 || o.right != right || !math.IsNaN(w.score[90]) {
			t.Errorf("%s: %+v, %v", d.name, o, w.alarms)
		}
		for _, a := range w.alarms {
			if a.from < 600*60 {
				t.Errorf("%s: an alarm in the learning rows: %v", d.name, a)
			}
		}
	}
}

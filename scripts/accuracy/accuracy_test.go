package main

import (
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"iot-edge-anomaly/model"
	"iot-edge-anomaly/model/train"
)

func TestRun_absentData(t *testing.T) {
	t.Setenv("DATA", filepath.Join(t.TempDir(), "none"))
	var b strings.Builder
	if ok, err := run(1, []string{"skab"}, false, false, &b); !ok || err != nil || !strings.Contains(b.String(), "nothing measured") {
		t.Errorf("ok %v, err %v, output %q", ok, err, b.String())
	}
}

// TestSkab checks the first target with one seed.
func TestSkab(t *testing.T) {
	if os.Getenv("DATA") == "" {
		t.Setenv("DATA", "../../../shared/data")
		t.Setenv("EVAL", "../../../shared/eval/score.py")
	}
	if _, err := os.Stat(os.Getenv("DATA")); err != nil {
		t.Skip("no labelled data: " + err.Error())
	}
	if testing.Short() {
		t.Skip("17 files are learnt and scored")
	}
	b := &bench{script: os.Getenv("EVAL"), tmp: t.TempDir(), seeds: 1, w: io.Discard}
	s, err := load(os.Getenv("DATA"), "skab")
	if err != nil {
		t.Fatal(err)
	}
	rs, err := b.measure(s, ours(&b.models, shipped, model.Int8, nil))
	if err != nil {
		t.Fatal(err)
	}
	if r := rs[0]; r.F1 < 0.81 || r.FAR > 24.5 || r.MAR > 20 || r.Top1 < 13 {
		t.Errorf("F1 %.3f, FAR %.1f %%, MAR %.1f %%, cause right in %d", r.F1, r.FAR, r.MAR, r.Top1)
	}
	var p pool // must agree with the scorer
	models, err := b.learnt(s, 1)
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range s.files {
		tr, err := truthOf(s.dir, f)
		if err != nil {
			t.Fatal(err)
		}
		p.add(tr, scores(models[i], f.rows).score)
	}
	if a := p.aucPR(); math.Abs(a-rs[0].AUCPR) > 1e-4 || math.Abs(p.far()-rs[0].FAR) > 0.01 {
		t.Errorf("AUC-PR %.5f, FAR %.2f %%, the scorer says %.5f, %.2f %%", a, p.far(), rs[0].AUCPR, rs[0].FAR)
	}
}

func TestPool(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		score     []float64
		anomalous []bool
		want      float64
	}{
		{[]float64{3, 2, 1, 0}, []bool{true, true, false, false}, 1},
		{[]float64{3, 2, 1, 0}, []bool{false, true, false, true}, 0.5},
		{[]float64{1, 1, 1, 1}, []bool{false, true, false, true}, 0.5}, // one threshold
		{[]float64{2, nan, 1, nan}, []bool{true, true, false, false}, 0.5 + 0.25},
	} {
		p := pool{c.score, c.anomalous}
		if got := p.aucPR(); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%v of %v: %v, want %v", c.score, c.anomalous, got, c.want)
		}
	}
	p := pool{[]float64{2, nan, 1.5, 0.5, 3}, []bool{false, false, false, false, true}}
	if got := p.far(); got != 50 {
		t.Errorf("two of four normal rows above 1: %v %%", got)
	}
}

func TestHidden(t *testing.T) {
	f := file{schema: model.Schema{Channels: make([]model.Channel, 2)}, rows: []float64{1, 2, 3, 4, 5, 6}, trainKey: "a", ownKey: "a"}
	f.train = f.rows[:2]
	if got := hidden(f, 1); got[1] != 2 || !math.IsNaN(got[3]) || !math.IsNaN(got[5]) || got[4] != 5 || f.rows[3] != 4 {
		t.Errorf("hidden from the second row on: %v", got)
	}
	f.trainKey = "b"
	if got := hidden(f, 0); !math.IsNaN(got[0]) || got[1] != 2 {
		t.Errorf("learnt from another file: %v, want hidden from the first row on", got)
	}
}

func TestFaulty(t *testing.T) {
	rows := []float64{1, 10, 2, 10, 3, 10, 4, 10, 5, 10, 6, 10}
	for kind, want := range map[string][]float64{
		"offset": {1, 2, 13, 14, 15, 16},
		"gain":   {1, 2, 3, 9, 15, 21},
		"ramp":   {1, 2, 3, 9, 15, 16},
		"stuck":  {1, 2, 3, 3, 3, 3},
	} {
		got := faulty(rows, 2, 0, 2, kind, 3, 2, 1)
		for i, w := range want {
			if got[2*i] != w || got[2*i+1] != 10 {
				t.Errorf("%s: row %d is %v, %v, want %v, 10", kind, i, got[2*i], got[2*i+1], w)
			}
		}
	}
	if got := faulty(rows, 2, 1, 2, "noise", 3, 2, 1); got[3] != 10 || got[5] == 10 || got[4] != 3 {
		t.Errorf("noise: %v", got)
	}
}

// TestExpectation checks that a network which expects the median is off by 1 and
// follows nothing.
func TestExpectation(t *testing.T) {
	v := machines()[0]
	v.learn = v.days(1)
	rows := v.rows(0, v.learn, 1)
	m, _, err := train.Train(t.Context(), v.schema, rows, train.Options{Seed: 1, Reference: model.None})
	if err != nil {
		t.Fatal(err)
	}
	var e expectation
	e.add(m, plant{"p", v.schema, rows, v.rows(v.days(2), 600, 1), 100})
	if n := float64(e.n); e.n != 4 || math.Abs(e.off/n-1) > 1e-6 || e.follows != 0 {
		t.Errorf("%+v", e)
	}
}

func TestGoal(t *testing.T) {
	if g := least1(0.8096, .81, .9, 3); !g.within(.81) || g.within(.9) {
		t.Error("0.8096 printed as 0.810 is not at least 0.810")
	}
	if g := most1(24.06, 24, 18, 1); g.within(24) {
		t.Error("24.1 is at most 24")
	}
	for _, c := range []struct {
		seen float64
		want bool
	}{{2, false}, {3, true}, {36, true}, {37, false}} {
		if got := (rate{expected: 12, seen: c.seen}).kept(3); got != c.want {
			t.Errorf("12 expected, %g seen: kept %v", c.seen, got)
		}
	}
	if !(rate{expected: 0.1, seen: 1}).kept(3) || (rate{expected: 0.1, seen: 2}).kept(3) {
		t.Error("one alarm where a tenth is expected is chance, two are not")
	}
}

func TestJacobi(t *testing.T) {
	a := []float64{2, 1, 0, 1, 2, 0, 0, 0, 5}
	values, vectors := jacobi(a, 3)
	for i, want := range []float64{5, 3, 1} {
		if math.Abs(values[i]-want) > 1e-9 {
			t.Errorf("eigenvalue %d is %v, want %v", i, values[i], want)
		}
	}
	if x := vectors[0*3+1] * vectors[1*3+1]; math.Abs(x-0.5) > 1e-9 {
		t.Errorf("eigenvector of 3 is not (1,1,0): %v", vectors)
	}
}

func TestBaselines_findAnOffset(t *testing.T) {
	f := file{schema: model.Schema{Channels: make([]model.Channel, 2)}}
	for i := range 400 {
		x := float64(i%7) - 3
		f.rows = append(f.rows, x, 2*x+float64(i%3)/10)
	}
	f.train = f.rows[:600]
	f.rows[2*390+1] = 40
	for _, d := range baselines {
		o, err := d.run(f, 1)
		if err != nil || len(o.score) != 400 || o.score[390] <= 1 || o.score[380] > 1 {
			t.Errorf("%s: err %v, offset %v, before %v", d.name, err, o.score[390], o.score[380])
		}
	}
}

func TestAttribute(t *testing.T) {
	s := set{files: []file{{name: "a.csv", schema: model.Schema{Channels: []model.Channel{{Name: "x"}, {Name: "y"}, {Name: "z"}}},
		times: []string{"0", "1"}}}}
	outs := []output{{score: []float64{2, 0.5}, shares: []float64{0.2, 0.7, 0.1, 1, 0, 0}}}
	for name, want := range map[string][2]int{"y": {1, 1}, "x": {0, 1}, "z": {0, 0}} {
		if a, b := attribute(s, outs, map[string][]string{"a": {name}}); a != want[0] || b != want[1] {
			t.Errorf("%s: top-1 %d, top-2 %d, want %v", name, a, b, want)
		}
	}
}

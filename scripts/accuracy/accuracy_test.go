package main

import (
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"iot-edge-anomaly/model"
)

func TestRun_absentData(t *testing.T) {
	t.Setenv("DATA", filepath.Join(t.TempDir(), "none"))
	var b strings.Builder
	if ok, err := run(1, []string{"skab"}, false, &b); !ok || err != nil || !strings.Contains(b.String(), "nothing measured") {
		t.Errorf("ok %v, err %v, output %q", ok, err, b.String())
	}
}

// TestRun_skab holds the target with one seed.
func TestRun_skab(t *testing.T) {
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
	if ok, err := run(1, []string{"skab"}, false, io.Discard); !ok || err != nil {
		t.Errorf("target on skab: met %v, err %v", ok, err)
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

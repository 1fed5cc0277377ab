package model_test

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"iot-edge-anomaly/model"
)

// TestLayout2 holds that a model without what drift is judged by, and without what
// a missing channel costs, is the file that it was before, is read as such, scores as before, and has no drift.
func TestLayout2(t *testing.T) {
	p := machine(t).Parameters()
	p.DriftRows, p.DriftTime, p.DriftScore, p.MissingMargin = nil, nil, nil, nil
	m, err := model.New(p)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "model")
	if err := m.Save(path); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(path)
	if err != nil || !bytes.Contains(raw[:80], []byte(`"layout":"2"`)) || bytes.Contains(raw, []byte("drift.time")) || bytes.Contains(raw, []byte("drift_score")) {
		t.Fatalf("%v, begins with %q", err, raw[8:80])
	}
	loaded, err := model.Load(path)
	if err != nil || loaded.SHA256() != m.SHA256() {
		t.Fatal(err)
	}
	if model.NewDrift(loaded) != nil {
		t.Error("drift is judged by nothing")
	}
	rows := stream(300, 4)
	a, _, _ := highest(model.NewScorer(loaded), rows, 3, 0)
	if b, _, _ := highest(model.NewScorer(machine(t)), rows, 3, 0); a != b || a == 0 {
		t.Errorf("scores up to %v, want %v", a, b)
	}
	relabelled := bytes.Replace(raw, []byte(`"layout":"2"`), []byte(`"layout":"3"`), 1)
	if _, err := model.Decode(resealed(relabelled)); err == nil || !strings.Contains(err.Error(), "header and tensors disagree") {
		t.Errorf("layout 3 without drift: %v", err)
	}
}

func TestNew_refusesDrift(t *testing.T) {
	for want, spoil := range map[string]func(p *model.Parameters){
		"2 values of drift rows, want 3":       func(p *model.Parameters) { p.DriftRows = p.DriftRows[:2] },
		"0 values of drift time, want 3":       func(p *model.Parameters) { p.DriftTime = nil },
		"0 values of drift score, want 3":      func(p *model.Parameters) { p.DriftScore = nil },
		"channel 1 are of -1 values":           func(p *model.Parameters) { p.DriftRows = []int32{1, -1, 1} },
		"drift time 2 is 0, want above 0":      func(p *model.Parameters) { p.DriftTime = []float32{1, 1, 0} },
		"drift time 0 is NaN, want a finite":   func(p *model.Parameters) { p.DriftTime = []float32{float32(math.NaN()), 1, 0} },
		"want a deviation and a time above 0":  func(p *model.Parameters) { p.DriftScore = []float32{-1, 0, 3} },
		"drift score 0 is +Inf, want a finite": func(p *model.Parameters) { p.DriftScore = []float32{float32(math.Inf(1)), 1, 3} },
	} {
		p := machine(t).Parameters()
		spoil(&p)
		if _, err := model.New(p); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
}

func TestNew_refusesRise(t *testing.T) {
	for want, rise := range map[string][]float32{
		"2 values of rise, want 3":            {0, 0},
		"rise 1 is NaN, want a finite":        {0, float32(math.NaN()), 0},
		"limit rises by -1 without channel 2": {0, 0, -1},
		"limit rises by 2e+06 without":        {2e6, 0, 0},
	} {
		p := machine(t).Parameters()
		p.MissingMargin = rise
		if _, err := model.New(p); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
}

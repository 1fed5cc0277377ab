package model_test

import (
	"math"
	"strings"
	"testing"

	"iot-edge-anomaly/model"
)

// withMargins returns a Scorer of the test model with other missing-channel margins.
func withMargins(t *testing.T, margins ...float32) *model.Scorer {
	t.Helper()
	p := machine(t).Parameters()
	p.MissingMargin = margins
	m, err := model.New(p)
	if err != nil {
		t.Fatal(err)
	}
	return model.NewScorer(m)
}

// TestMissingMargin holds that the relation term's limit is raised by the sum of the
// missing channels' margins for as long as the term includes a row without the
// channel, and that no other term changes.
func TestMissingMargin(t *testing.T) {
	fill := machine(t).FillRows()
	masked := machine(t).Parameters().Fill // rows a value is repeated
	rows := stream(600, 6)
	for i := 200; i < 400; i++ {
		rows[3*i+1] = math.NaN()
		if i >= 300 {
			rows[3*i+2] = math.NaN()
		}
	}
	high, flat := withMargins(t, 7, 1, 0.5), withMargins(t, 0, 0, 0)
	for i := range 600 {
		a, ok := high.Push(rows[3*i : 3*i+3])
		b, _ := flat.Push(rows[3*i : 3*i+3])
		if !ok {
			continue
		}
		want := float32(1)
		if i >= 200+masked && i < 399+fill {
			want++
		}
		if i >= 300+masked && i < 399+fill {
			want += 0.5
		}
		if got := b.Terms[model.Relation] / a.Terms[model.Relation]; math.Abs(float64(got/want-1)) > 1e-5 {
			t.Fatalf("row %d: limit %v times as high, want %v", i, got, want)
		}
		for k := model.Relation + 1; k < model.Terms; k++ {
			if a.Terms[k] != b.Terms[k] {
				t.Fatalf("row %d: term %d is %v, without margins %v", i, k, a.Terms[k], b.Terms[k])
			}
		}
	}
	high.Reset()
	flat.Reset()
	for i := range 100 {
		a, ok := high.Push(rows[3*i : 3*i+3])
		if b, _ := flat.Push(rows[3*i : 3*i+3]); ok && a.Value != b.Value {
			t.Fatalf("row %d after a reset: score %v, without margins %v", i, a.Value, b.Value)
		}
	}
}

// TestMissing_lowers holds that a missing channel never raises the terms Level and Jump.
func TestMissing_lowers(t *testing.T) {
	rows, c := stream(900, 8), 3
	for ch := range c {
		less := append([]float64(nil), rows...)
		for i := ch; i < len(less); i += c {
			less[i] = math.NaN()
		}
		a, b := model.NewScorer(machine(t)), model.NewScorer(machine(t))
		for i := range 900 {
			all, ok := a.Push(rows[c*i : c*i+c])
			without, _ := b.Push(less[c*i : c*i+c])
			for k := model.Level; ok && k <= model.Jump; k++ {
				if without.Terms[k] > all.Terms[k]*1.0001 {
					t.Fatalf("row %d without channel %d: term %d is %v, with it %v", i, ch, k, without.Terms[k], all.Terms[k])
				}
			}
		}
	}
}

func TestNew_refusesMargins(t *testing.T) {
	for want, margins := range map[string][]float32{
		"0 values of missing margin, want 3":        nil,
		"missing margin 1 is NaN, want a finite":    {0, float32(math.NaN()), 0},
		"missing margin of channel 2 is -1, want 0": {0, 0, -1},
		"missing margin of channel 0 is 2e+06":      {2e6, 0, 0},
	} {
		p := machine(t).Parameters()
		p.MissingMargin = margins
		if _, err := model.New(p); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
}

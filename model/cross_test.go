package model_test

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"iot-edge-anomaly/model"
)

// TestLayout4 holds that a model with peers comes back from its file as it went
// in, and that without them it is a file of layout 3.
func TestLayout4(t *testing.T) {
	m := peersMachine(t)
	path := filepath.Join(t.TempDir(), "model")
	for layout, p := range map[string]model.Parameters{`"layout":"4"`: m.Parameters(), `"layout":"3"`: peerless(m)} {
		made, err := model.New(p)
		if err != nil {
			t.Fatal(err)
		}
		if err := made.Save(path); err != nil {
			t.Fatal(err)
		}
		raw, err := os.ReadFile(path)
		if err != nil || !bytes.Contains(raw[:80], []byte(layout)) || bytes.Contains(raw, []byte("peers")) != (p.Cross != nil) {
			t.Fatalf("%v, begins with %q, want %s", err, raw[8:80], layout)
		}
		loaded, err := model.Load(path)
		if err != nil || loaded.SHA256() != made.SHA256() {
			t.Fatal(err)
		}
		rows := stream(300, 4)
		a, _, _ := highest(model.NewScorer(loaded), rows, 3, 0)
		if b, _, _ := highest(model.NewScorer(made), rows, 3, 0); a != b || a == 0 {
			t.Errorf("%s: scores up to %v, want %v", layout, a, b)
		}
		other := `"layout":"3"`
		if layout == other {
			other = `"layout":"4"`
		}
		relabelled := bytes.Replace(raw, []byte(layout), []byte(other), 1)
		if _, err := model.Decode(resealed(relabelled)); err == nil || !strings.Contains(err.Error(), "header and tensors disagree") {
			t.Errorf("%s in place of %s: %v", other, layout, err)
		}
	}
}

// peerless returns m without its peers.
func peerless(m *model.Model) model.Parameters {
	p := m.Parameters()
	p.Cross, p.Limits = nil, slices.Clone(p.Limits)
	p.Limits[model.Cross] = 1
	return p
}

// TestPeers_own holds that what a channel is expected to be does not depend on it,
// and that its peers' distance from it does in full.
func TestPeers_own(t *testing.T) {
	m := peersMachine(t)
	a, b := model.NewScorer(m), model.NewScorer(m)
	rows := stream(300, 3)
	p := m.Parameters()
	near, far, judged := make([]float32, 3), make([]float32, 3), 0
	for i := range 300 {
		row := slices.Clone(rows[3*i : 3*i+3])
		v, ok := a.Push(row)
		row[1] += 2
		w, _ := b.Push(row)
		if !ok {
			continue
		}
		if math.Abs(v.Expected[1]-w.Expected[1]) > 1e-4 || math.Abs(v.Expected[0]-w.Expected[0]) < 1e-9 && math.Abs(v.Expected[2]-w.Expected[2]) < 1e-9 {
			t.Fatalf("row %d: expected %v, and %v with the flow off", i, v.Expected, w.Expected)
		}
		if !a.CrossResidual(near) || !b.CrossResidual(far) {
			continue // beyond the range of what was learnt
		}
		judged++
		if got, want := float64(far[1]-near[1]), 2/p.Spread[1]*float64(p.Cross.Gain[1]); math.Abs(got-want) > 1e-3 {
			t.Fatalf("row %d: the flow is %v farther off, want %v", i, got, want)
		}
	}
	if judged < 150 {
		t.Errorf("%d rows with a distance, want most of 300", judged)
	}
}

// TestPeers_beyond holds that p is silent while a channel is beyond the range that
// was learnt, and after it for as long as a score looks back.
func TestPeers_beyond(t *testing.T) {
	m := peersMachine(t)
	s, rows, p := model.NewScorer(m), stream(300, 3), m.Parameters()
	rows[3*150+2] += 100
	apart := make([]float32, 3)
	for i := range 300 {
		v, ok := s.Push(rows[3*i : 3*i+3])
		if since := i - 150; ok && since >= 0 && since < p.Window+p.Mean+p.Smooth-2 {
			if s.CrossResidual(apart) || since >= p.Smooth && v.Terms[model.Cross] != 0 {
				t.Fatalf("%d rows after a value beyond the range: p is %v", since, v.Terms[model.Cross])
			}
		}
	}
}

// TestPeers_rise holds that p waits when a channel goes, that its limit rises then
// while the channel is missing, and that the channel itself adds nothing.
func TestPeers_rise(t *testing.T) {
	scorer := func(rise ...float32) *model.Scorer {
		p := peersMachine(t).Parameters()
		own := *p.Cross
		own.MissingMargin, p.Cross = rise, &own
		m, err := model.New(p)
		if err != nil {
			t.Fatal(err)
		}
		return model.NewScorer(m)
	}
	p, rows := peersMachine(t).Parameters(), stream(600, 6)
	for i := 200; i < 600; i++ {
		rows[3*i+1] = math.NaN()
	}
	a, b := scorer(1, 3, 0), scorer(0, 0, 0)
	apart := make([]float32, 3)
	for i := range 600 {
		x, ok := a.Push(rows[3*i : 3*i+3])
		y, _ := b.Push(rows[3*i : 3*i+3])
		if !ok {
			continue
		}
		want, gone := float32(1), 200+p.Fill
		switch known := a.CrossResidual(apart); {
		case i < gone:
		case i < gone+p.Window+p.Mean+p.Smooth-2: // waits
			if known || i >= gone+p.Smooth && x.Terms[model.Cross] != 0 {
				t.Fatalf("row %d: p is %v so soon after flow went", i, x.Terms[model.Cross])
			}
			continue
		default:
			if want = 4; !known || !math.IsNaN(float64(apart[1])) || math.IsNaN(float64(apart[0])) || x.Terms[model.Cross] == 0 {
				t.Fatalf("row %d without flow: distances %v", i, apart)
			}
		}
		if got := y.Terms[model.Cross] / x.Terms[model.Cross]; math.Abs(float64(got/want-1)) > 1e-5 {
			t.Fatalf("row %d: limit %v times as high, want %v", i, got, want)
		}
	}
}

func TestNew_refusesPeers(t *testing.T) {
	nan := float32(math.NaN())
	for want, spoil := range map[string]func(p *model.Parameters, q *model.CrossNetwork){
		"peers: clip 0, want above 0":       func(_ *model.Parameters, q *model.CrossNetwork) { q.Clip = 0 },
		"2 values of peers' gain, want 3":   func(_ *model.Parameters, q *model.CrossNetwork) { q.Gain = q.Gain[:2] },
		"peers' scale 1 is 0, want above 0": func(_ *model.Parameters, q *model.CrossNetwork) { q.Scale = []float32{1, 0, 1} },
		"peers' center 2 is NaN":            func(_ *model.Parameters, q *model.CrossNetwork) { q.Center = []float32{0, 0, nan} },
		"peers: 0 values of rise, want 3":   func(_ *model.Parameters, q *model.CrossNetwork) { q.MissingMargin = nil },
		"peers: limit rises by -1":          func(_ *model.Parameters, q *model.CrossNetwork) { q.MissingMargin = []float32{0, -1, 0} },
		"3 values of peers' golden inputs":  func(_ *model.Parameters, q *model.CrossNetwork) { q.GoldenIn = q.GoldenIn[:3] },
		"peers: 0 layers, want 1 to":        func(_ *model.Parameters, q *model.CrossNetwork) { q.Layers = nil },
		"peers: network ends with":          func(_ *model.Parameters, q *model.CrossNetwork) { q.Layers = q.Layers[:1] },
		"peers: layer 1: ": func(_ *model.Parameters, q *model.CrossNetwork) {
			q.Layers = []model.Layer{q.Layers[0], {In: q.Layers[1].In, Out: 3}}
		},
		"peers' golden vector 0: output 0 is": func(_ *model.Parameters, q *model.CrossNetwork) {
			q.GoldenOut = slices.Clone(q.GoldenOut)
			q.GoldenOut[0]++
		},
		"4 values of limits, want 5":     func(p *model.Parameters, _ *model.CrossNetwork) { p.Limits = p.Limits[:4] },
		"of peers that are none, want 1": func(p *model.Parameters, _ *model.CrossNetwork) { p.Cross = nil },
	} {
		p := peersMachine(t).Parameters()
		own := *p.Cross
		p.Cross = &own
		spoil(&p, &own)
		if _, err := model.New(p); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
}

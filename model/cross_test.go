package model_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"iot-edge-anomaly/model"
)

// TestCross_own holds that the expected value of a channel does not depend on the
// channel itself, and that a fault in it shows in its residual in full.
func TestCross_own(t *testing.T) {
	m := crossMachine(t)
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
			continue // outside the learnt range
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

// TestCross_outOfRange holds that the cross term is silent while a channel is outside
// its learnt range, and after that for as long as a score looks back.
func TestCross_outOfRange(t *testing.T) {
	m := crossMachine(t)
	s, rows, p := model.NewScorer(m), stream(300, 3), m.Parameters()
	rows[3*150+2] += 100
	apart := make([]float32, 3)
	for i := range 300 {
		v, ok := s.Push(rows[3*i : 3*i+3])
		if since := i - 150; ok && since >= 0 && since < p.Window+p.Mean+p.Smooth-2 {
			if s.CrossResidual(apart) || since >= p.Smooth && v.Terms[model.Cross] != 0 {
				t.Fatalf("%d rows after a value outside the range: the cross term is %v", since, v.Terms[model.Cross])
			}
		}
	}
}

// TestCross_missing holds that the cross term is silent for a while after a channel
// goes missing, that its limit is then raised by the channel's margin, and that the
// channel itself adds nothing.
func TestCross_missing(t *testing.T) {
	scorer := func(margins ...float32) *model.Scorer {
		p := crossMachine(t).Parameters()
		own := *p.Cross
		own.MissingMargin, p.Cross = margins, &own
		m, err := model.New(p)
		if err != nil {
			t.Fatal(err)
		}
		return model.NewScorer(m)
	}
	p, rows := crossMachine(t).Parameters(), stream(600, 6)
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
				t.Fatalf("row %d: the cross term is %v so soon after flow went missing", i, x.Terms[model.Cross])
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

func TestNew_refusesCross(t *testing.T) {
	nan := float32(math.NaN())
	for want, spoil := range map[string]func(p *model.Parameters, n *model.CrossNetwork){
		"cross-channel network: clip 0, want above 0": func(_ *model.Parameters, n *model.CrossNetwork) { n.Clip = 0 },
		"2 values of cross-channel gain, want 3":      func(_ *model.Parameters, n *model.CrossNetwork) { n.Gain = n.Gain[:2] },
		"cross-channel scale 1 is 0, want above 0":    func(_ *model.Parameters, n *model.CrossNetwork) { n.Scale = []float32{1, 0, 1} },
		"cross-channel center 2 is NaN":               func(_ *model.Parameters, n *model.CrossNetwork) { n.Center = []float32{0, 0, nan} },
		"0 values of cross-channel missing margin, want 3": func(_ *model.Parameters, n *model.CrossNetwork) {
			n.MissingMargin = nil
		},
		"cross-channel missing margin of channel 1 is -1": func(_ *model.Parameters, n *model.CrossNetwork) {
			n.MissingMargin = []float32{0, -1, 0}
		},
		"3 values of cross-channel golden inputs":    func(_ *model.Parameters, n *model.CrossNetwork) { n.GoldenIn = n.GoldenIn[:3] },
		"cross-channel network: 0 layers, want 1 to": func(_ *model.Parameters, n *model.CrossNetwork) { n.Layers = nil },
		"cross-channel network: network ends with":   func(_ *model.Parameters, n *model.CrossNetwork) { n.Layers = n.Layers[:1] },
		"cross-channel network: layer 1: ": func(_ *model.Parameters, n *model.CrossNetwork) {
			n.Layers = []model.Layer{n.Layers[0], {In: n.Layers[1].In, Out: 3}}
		},
		"cross-channel golden vector 0: output 0 is": func(_ *model.Parameters, n *model.CrossNetwork) {
			n.GoldenOut = slices.Clone(n.GoldenOut)
			n.GoldenOut[0]++
		},
		"4 values of limits, want 5":                        func(p *model.Parameters, _ *model.CrossNetwork) { p.Limits = p.Limits[:4] },
		"of a cross-channel network that is absent, want 1": func(p *model.Parameters, _ *model.CrossNetwork) { p.Cross = nil },
	} {
		p := crossMachine(t).Parameters()
		own := *p.Cross
		p.Cross = &own
		spoil(&p, &own)
		if _, err := model.New(p); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
}

package model_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"iot-edge-anomaly/model"
)

// TestPeers_own holds that the expected value of a channel does not depend on the channel
// itself, and that those of the others do.
func TestPeers_own(t *testing.T) {
	m := peersMachine(t)
	a, b := model.NewScorer(m), model.NewScorer(m)
	rows := stream(300, 3)
	moved := false
	for i := range 300 {
		row := slices.Clone(rows[3*i : 3*i+3])
		v, ok := a.Push(row)
		row[1] += 2
		w, _ := b.Push(row)
		if !ok {
			continue
		}
		if off := math.Abs(v.Expected[1] - w.Expected[1]); off > 1e-9 {
			t.Fatalf("row %d: flow expected at %v, and at %v with 2 more of it", i, v.Expected[1], w.Expected[1])
		}
		moved = moved || math.Abs(v.Expected[0]-w.Expected[0]) > 1e-3
	}
	if !moved {
		t.Error("what is expected of the current does not depend on the flow")
	}
}

// TestPeers_base holds that a change that lasts is reported and becomes the base.
func TestPeers_base(t *testing.T) {
	p := peersMachine(t).Parameters()
	own := *p.Peers
	own.Rows, p.Peers = 50, &own
	m, err := model.New(p)
	if err != nil {
		t.Fatal(err)
	}
	s, rows := model.NewScorer(m), stream(3000, 3)
	top, last := float32(0), float32(0)
	for i := range 3000 {
		row := slices.Clone(rows[3*i : 3*i+3])
		if i >= 500 {
			row[1] += 8
		}
		v, ok := s.Push(row)
		if !ok || i < 500 {
			continue
		}
		top = max(top, v.Terms[model.Stray])
		if i >= 2500 {
			last = max(last, v.Terms[model.Stray])
		}
	}
	if top < 1 || last > 1 {
		t.Errorf("8 l/min more: stray up to %v, %v in the end; want 1 or more, then at most 1", top, last)
	}
}

// TestPeers_missing holds that a missing channel does not raise the terms of the others
// above 1, and adds nothing itself.
func TestPeers_missing(t *testing.T) {
	for ch := range 3 {
		s, rows := model.NewScorer(peersMachine(t)), stream(900, 6)
		for i := 300; i < 900; i++ {
			rows[3*i+ch] = math.NaN()
		}
		for i := range 900 {
			v, ok := s.Push(rows[3*i : 3*i+3])
			if ok && i > 300 && max(v.Terms[model.Stray], v.Terms[model.Slow]) > 1 {
				t.Fatalf("channel %d missing, row %d: terms %v", ch, i, v.Terms)
			}
		}
	}
}

func TestNew_refusesPeers(t *testing.T) {
	nan := float32(math.NaN())
	for want, spoil := range map[string]func(n *model.Peers){
		"2 values of peers gain, want 3":         func(n *model.Peers) { n.Gain = n.Gain[:2] },
		"peers stray_limit 1 is 0, want above 0": func(n *model.Peers) { n.StrayLimit = []float32{1, 0, 1} },
		"peers bias 2 is NaN":                    func(n *model.Peers) { n.Bias = []float32{0, 0, nan} },
		"peers scale 0 is 0, want above 0":       func(n *model.Peers) { n.Reach = 0 },
		"peers scale 1 is -1, want above 0":      func(n *model.Peers) { n.Rows = -1 },
		"0 prototypes, want 1 to":                func(n *model.Peers) { n.Prototype = nil },
		"2 values of peers role, want 3":         func(n *model.Peers) { n.Role = n.Role[:2] },
		"peers role of channel 1 is 3":           func(n *model.Peers) { n.Role = []int32{0, 3, 0} },
		"peers of channel 0: gain -1":            func(n *model.Peers) { n.Gain = []float32{-1, 1, 1} },
		"peers hidden 3 is -1": func(n *model.Peers) {
			n.Hidden = slices.Clone(n.Hidden)
			n.Hidden[3] = -1
		},
	} {
		p := peersMachine(t).Parameters()
		own := *p.Peers
		p.Peers = &own
		spoil(&own)
		if _, err := model.New(p); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
}

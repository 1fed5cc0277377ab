package model

import (
	"math"
	"testing"
	"time"
)

func TestGate(t *testing.T) {
	nan := math.NaN()
	s := Schema{Period: time.Second, Channels: []Channel{{Name: "temp"}, {Name: "speed"}},
		RunWhen: &Condition{Channel: "speed", Above: 5, Below: nan, Settle: 1500 * time.Millisecond}}
	g := NewGate(s)
	step := func(name string, speed float64, times int, want bool) {
		t.Helper()
		for i := range times {
			if got := g.Running([]float64{nan, speed}); got != want {
				t.Errorf("%s, row %d: running %v, want %v", name, i, got, want)
			}
		}
	}
	step("unknown from the start", nan, 3, false)
	step("settling", 6, 2, false)
	step("settled", 6, 3, true)
	step("at the bound", 5, 1, false)
	step("settling again", 6, 2, false)
	step("running", 6, 1, true)
	step("missing, held", nan, GateHold, true)
	step("missing for longer", nan, 30, false)
	step("back: a start", 6, 2, false)
	step("running again", 6, 1, true)
	g.Reset()
	step("after reset", 6, 2, false)
}

func TestGate_range(t *testing.T) {
	s := Schema{Channels: []Channel{{Name: "x"}}, RunWhen: &Condition{Channel: "x", Above: 1, Below: 3}}
	g := NewGate(s)
	for x, want := range map[float64]bool{0: false, 1: false, 2: true, 3: false, 4: false} {
		if got := g.Running([]float64{x}); got != want {
			t.Errorf("%v: running %v, want %v", x, got, want)
		}
	}
	if NewGate(Schema{}).Running(nil) != true {
		t.Error("without a condition a row does not run")
	}
	s.RunWhen.Channel = "y"
	if NewGate(s).Running([]float64{2}) {
		t.Error("a condition on a channel that is none runs")
	}
}

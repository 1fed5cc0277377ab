package main

import (
	"math"
	"math/rand/v2"
	"testing"
)

func run01(n int, spans ...[2]int) []bool {
	out := make([]bool, n)
	for _, s := range spans {
		for i := s[0]; i < s[1]; i++ {
			out[i] = true
		}
	}
	return out
}

func made(n int, events, flags []bool) series {
	s := series{label: events, flag: flags}
	for i := range n {
		s.at, s.score = append(s.at, float64(i)), append(s.score, 0)
	}
	s.normal = s.normalTime(0)
	return s
}

func TestTally(t *testing.T) {
	s := made(100, run01(100, [2]int{20, 30}, [2]int{60, 80}), run01(100, [2]int{5, 6}, [2]int{25, 28}, [2]int{50, 55}, [2]int{85, 86}))
	var got tally
	got.count(s, s.flag, 1.5)
	if got.events != 2 || got.found != 1 || got.alarms != 4 || got.wrong != 3 || got.delays[0] != 5 || got.normal != 70 {
		t.Errorf("%+v", got)
	}
	got = tally{}
	got.count(s, s.flag, 25) // the first three become one alarm, which is right
	if got.alarms != 2 || got.wrong != 1 {
		t.Errorf("merged over 25 s: %+v", got)
	}
	if d := (tally{wrong: 3, normal: 43200}).perDay(); d != 6 {
		t.Errorf("3 in half a day: %v a day", d)
	}
}

func TestMeasures(t *testing.T) {
	s := made(100, run01(100, [2]int{20, 40}), run01(100, [2]int{25, 45}))
	for i, f := range s.flag {
		if f {
			s.score[i] = 2
		}
	}
	r := measures([]series{s}, how{merge: 1, budget: 1e6})
	if math.Abs(r.F1-15/(15+5.0)) > 1e-12 || math.Abs(r.FAR-100*5/80.0) > 1e-12 || r.MAR != 25 || r.Found != 1 || r.Delay != 5 || r.False != 0 || r.Recall != 1 {
		t.Errorf("%+v", r)
	}
	s.flag = make([]bool, 100)
	if r := measures([]series{s}, how{}); !math.IsNaN(r.Delay) || r.Found != 0 || r.MAR != 100 {
		t.Errorf("never flagged: %+v", r)
	}
}

func TestChangePoints(t *testing.T) {
	s := made(1000, nil, run01(1000, [2]int{200, 500}))
	s.cp = run01(1000, [2]int{200, 201}, [2]int{500, 501})
	if standard, low := changePoints([]series{s}); math.Abs(standard-100) > 1e-9 || math.Abs(low-100) > 1e-9 {
		t.Errorf("both at once: %v, %v, want 100", standard, low)
	}
	s.flag = make([]bool, 1000)
	if standard, _ := changePoints([]series{s}); standard != 0 {
		t.Errorf("never: %v, want 0", standard)
	}
	s.flag = run01(1000, [2]int{800, 810}) // two wrong changes
	if standard, low := changePoints([]series{s}); math.Abs(standard+100*0.22/4) > 1e-9 || math.Abs(low+100*0.44/4) > 1e-9 {
		t.Errorf("two wrong: %v, %v", standard, low)
	}
}

// TestVolume checks that without a window the volume is the average precision.
func TestVolume(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	s := made(vusThresholds, run01(vusThresholds, [2]int{40, 90}), nil)
	for i := range s.score {
		s.score[i] = rng.Float64()
		if s.label[i] {
			s.score[i] += 0.3
		}
	}
	p := pool{s.score, s.label}
	if got, want := volume(s, 0), p.aucPR(); math.Abs(got-want) > 1e-9 {
		t.Errorf("no window: %v, want %v", got, want)
	}
}

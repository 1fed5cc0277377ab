package main

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// TestRearm_byDefinition compares with a threshold computed anew for each row.
func TestRearm_byDefinition(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	const period = 30 * time.Second // span 40, gap 10
	r := newRearm(period)
	var all []float64
	raised := 0
	for i := range 400 {
		v := rng.Float64()
		switch {
		case i > 150:
			v += 3
		case i%17 == 0:
			v = math.NaN()
		}
		got := r.Push(v)
		all = append(all, v)
		end := max(0, i-10)
		seen := slices.DeleteFunc(slices.Clone(all[max(0, i-50):end]), math.IsNaN)
		want := v
		if len(seen) > 10 {
			slices.Sort(seen)
			at := 0.9 * float64(len(seen)-1)
			k := int(at)
			q := seen[k] + (at-float64(k))*(seen[min(k+1, len(seen)-1)]-seen[k])
			want = v / max(1, 1.5*q)
		}
		if math.Abs(got-want) > 1e-9 && !(math.IsNaN(got) && math.IsNaN(want)) {
			t.Fatalf("row %d: %v, want %v", i, got, want)
		}
		if got < v {
			raised++
		}
	}
	if raised < 200 {
		t.Errorf("the threshold was raised for %d rows", raised)
	}
}

func TestRearm_lastingChange(t *testing.T) {
	r, open := newRearm(time.Second), 0
	for i := range 4000 {
		v := 0.5
		if i >= 2000 {
			v = 2
		}
		if r.Push(v) > 1 {
			open++
		}
	}
	if open < 300 || open > 700 {
		t.Errorf("a lasting change is loud for %d rows, want 300 to 700", open)
	}
	if n := testing.AllocsPerRun(100, func() { r.Push(0.5) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

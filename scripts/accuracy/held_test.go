package main

import (
	"math"
	"testing"
)

// TestHeld: the machines differ by seed, repeat by seed, have finite values, and their
// faults come one after the other into every channel.
func TestHeld(t *testing.T) {
	for k, v := range held(1) {
		r, again, other := v.withFaults(1), held(1)[k].withFaults(1), held(2)[k].withFaults(2)
		same, differs := true, false
		for i, x := range r.rows {
			if math.IsNaN(x) || math.IsInf(x, 0) {
				t.Fatalf("%s: value %d is %v", v.name, i, x)
			}
			same, differs = same && x == again.rows[i], differs || x != other.rows[i]
		}
		if !same || !differs {
			t.Errorf("%s: the same seed gives the same rows: %v, another one others: %v", v.name, same, differs)
		}
		if len(r.faults) != heldDays/heldEvery-1 || r.faults[len(r.faults)-1].to > r.at[len(r.at)-1] {
			t.Errorf("%s: faults %v", v.name, r.faults)
		}
		touched := map[string]bool{}
		for _, f := range r.faults {
			touched[f.channel] = true
		}
		if c := len(v.schema.Channels); len(touched) != c {
			t.Errorf("%s: faults in %d of %d channels", v.name, len(touched), c)
		}
	}
}

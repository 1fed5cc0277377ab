package main

import (
	"math"
	"testing"
)

// TestManyChannels: 25 faults, each in one channel, about 1.2 of its deviations large.
func TestManyChannels(t *testing.T) {
	for _, m := range many {
		r, clean := manyChannels(m.channels, m.bent, 1), 0
		if len(r.faults) != 25 || len(r.rows) != manyRows*m.channels || len(r.train) != manyLearn*m.channels {
			t.Fatalf("%s: %d faults, %d values", m.name, len(r.faults), len(r.rows))
		}
		for _, anomalous := range r.truth.anomalous {
			if !anomalous {
				clean++
			}
		}
		if clean != manyRows-25*manyFault {
			t.Errorf("%s: %d rows without a fault", m.name, clean)
		}
		size := 0.0
		for j := range m.channels {
			_, sd := moments(r.train, m.channels, j)
			size += manySigmas * manyNoise / sd / float64(m.channels)
		}
		if size < 0.9 || size > 1.6 {
			t.Errorf("%s: faults of %.2f deviations", m.name, size)
		}
	}
}

// TestCountMany: a fault counts once, and every alarm outside is false.
func TestCountMany(t *testing.T) {
	r := minutes(400, span{100, 219})
	r.faults = []fault{{6000, 6000 + 129*60, "a"}}
	w := watching{score: make([]float64, 400), alarms: []alarm{{60, 120, "a"}, {5000, 6500, "b"}, {7000, 7100, "a"}, {13700, 13800, "b"}, {20000, math.Inf(1), "a"}}}
	if o := r.countMany(w); o.fresh != 1 || o.wrong != 3 || o.right != 1 {
		t.Errorf("%d found, %d false, %d causes right: want 1, 3, 1", o.fresh, o.wrong, o.right)
	}
}

package model_test

import (
	"math"
	"testing"

	"iot-edge-anomaly/model"
)

// TestScorer_hangingSensor holds that a value that stays the same is found in
// any channel, though it is one the channel often has, and that it takes the
// blame; missing values neither hide it nor look like it.
func TestScorer_hangingSensor(t *testing.T) {
	m := machine(t)
	for ch := range 3 {
		still := int(m.Parts().Still[ch])
		if still < 30 || still > 200 {
			t.Fatalf("channel %d may stay the same for %d rows", ch, still)
		}
		rows, begin := stream(1000, 5), 200
		for i := begin + 1; i < 1000; i++ {
			rows[3*i+ch] = rows[3*begin+ch]
		}
		rows[3*(begin+10)+ch] = math.NaN()
		s, at, last := model.NewScorer(m), -1, model.Score{}
		for i := range 1000 {
			v, ok := s.Push(rows[3*i : 3*i+3])
			if ok && s.Terms()[3] > 0 && at < 0 {
				at = i
			}
			if last = v; s.Terms()[3] > 1.4 {
				t.Fatalf("channel %d, row %d: %v, want at most 1.4", ch, i, s.Terms()[3])
			}
		}
		if want := begin + still + 2; at != want {
			t.Errorf("channel %d hangs from row %d on: found at %d, want %d", ch, begin, at, want)
		}
		if last.Value < 1.4 || last.Shares[ch] < 0.5 {
			t.Errorf("channel %d: score %v, shares %v", ch, last.Value, last.Shares)
		}
	}
}

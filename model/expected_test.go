package model_test

import (
	"math"
	"testing"

	"iot-edge-anomaly/model"
)

// TestScorer_expectedOfALevel holds that the expected value of a channel that went to
// another level is nearer to the true level than to the wrong one, although the network
// reconstructs a part of the wrong level; so the direction of the deviation is right. It
// also holds that the terms of a score are those of its row.
func TestScorer_expectedOfALevel(t *testing.T) {
	m := machine(t)
	p := m.Parameters()
	for ch := range 3 {
		for _, by := range []float64{-60, -12, 12, 60} {
			rows, off := stream(400, 5), by*p.Spread[ch]
			for i := 200; i < 400; i++ {
				rows[3*i+ch] += off
			}
			s := model.NewScorer(m)
			for i := range 400 {
				v, ok := s.Push(rows[3*i : 3*i+3])
				if !ok || i < 230 {
					continue
				}
				if miss := v.Expected[ch] - (v.Values[ch] - off); math.Abs(miss) > math.Abs(off)/2 {
					t.Fatalf("channel %d off by %v spreads, row %d: value %v, expected %v", ch, by, i, v.Values[ch], v.Expected[ch])
				}
				top := 0
				for k := range v.Terms {
					if v.Terms[k] > v.Terms[top] {
						top = k
					}
				}
				if v.Terms[top] != v.Value || v.Terms != s.Terms() {
					t.Fatalf("row %d: terms %v, score %v", i, v.Terms, v.Value)
				}
			}
		}
	}
}

package model_test

import (
	"math"
	"testing"

	"iot-edge-anomaly/model"
)

// TestScorer_hangingSensor holds that a value that stays the same is found in any channel,
// even if the channel often has this value, and gets the blame, and that missing values
// neither hide it nor look like it.
func TestScorer_hangingSensor(t *testing.T) {
	m := machine(t)
	for ch := range 3 {
		still := int(m.Parameters().Still[ch])
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
			if ok && s.Terms()[model.Sensor] > 0 && at < 0 {
				at = i
			}
			if ok && v.Terms[model.Sensor] == v.Value && (v.Shares[ch] < 0.99 || v.Flickers) { // from the first row on
				t.Fatalf("channel %d, row %d: shares %v", ch, i, v.Shares)
			}
			if last = v; s.Terms()[model.Sensor] > 1.4 {
				t.Fatalf("channel %d, row %d: %v, want at most 1.4", ch, i, s.Terms()[model.Sensor])
			}
		}
		if want := begin + still + 2; at != want { // one of them was missing
			t.Errorf("channel %d hangs from row %d on: found at %d, want %d", ch, begin, at, want)
		}
		if last.Value < 1.4 || last.Shares[ch] < 0.5 {
			t.Errorf("channel %d: score %v, shares %v", ch, last.Value, last.Shares)
		}
	}
}

// TestScorer_flickeringSensor holds that noise is found in the channel that has it.
func TestScorer_flickeringSensor(t *testing.T) {
	m := machine(t)
	p := m.Parameters()
	for ch := range 3 {
		if p.Rough[ch] == 0 {
			t.Fatalf("channel %d may be as rough as it likes", ch)
		}
		rows, state := stream(500, 5), uint32(7)
		for i := 200; i < 500; i++ {
			state = state*1664525 + 1013904223
			rows[3*i+ch] += 16 * p.Step[ch] * (float64(state>>8)/(1<<24) - 0.5)
		}
		s, found := model.NewScorer(m), 0
		var last model.Score
		for i := range 500 {
			last, _ = s.Push(rows[3*i : 3*i+3])
			if s.Terms()[model.Sensor] > 0 {
				if !last.Flickers {
					t.Fatalf("channel %d, row %d: no flicker", ch, i)
				}
				if found++; i < 200 {
					t.Fatalf("channel %d: row %d is rough", ch, i)
				}
			}
		}
		if found < 10 || last.Shares[ch] < 0.5 {
			t.Errorf("channel %d: %d of 300 rows rough, shares %v", ch, found, last.Shares)
		}
	}
}

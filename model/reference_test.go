package model_test

import (
	"math"
	"testing"

	"iot-edge-anomaly/model"
)

// TestReference holds that the float32 network computes nearly the same as the int8 one, that
// None expects the median, and that neither of these models can be encoded.
func TestReference(t *testing.T) {
	rows := stream(300, 3)
	var scorers [3]*model.Scorer
	for i := range scorers {
		p := machine(t).Parameters()
		p.Reference, p.Peers = model.Reference(i), nil
		m, err := model.New(p)
		if err != nil {
			t.Fatal(err)
		}
		scorers[i] = model.NewScorer(m)
		if _, err := m.Encode(); (err == nil) != (i == 0) {
			t.Errorf("encoding reference %d: %v", i, err)
		}
	}
	p := machine(t).Parameters()
	var gap, size float64
	for i := range 300 {
		var s [3]model.Score
		for k := range scorers {
			s[k], _ = scorers[k].Push(rows[3*i : 3*i+3])
		}
		if len(s[0].Expected) == 0 {
			continue
		}
		for j := range 3 {
			gap += math.Abs(s[1].Expected[j]-s[0].Expected[j]) / p.Spread[j]
			size += math.Abs(s[0].Expected[j]-p.Center[j]) / p.Spread[j]
			if s[2].Expected[j] != p.Center[j] {
				t.Fatalf("row %d, channel %d: no network expects %v, want the median", i, j, s[2].Expected[j])
			}
		}
	}
	if gap == 0 || gap > size/5 {
		t.Errorf("float32 differs from int8 by %v of %v", gap, size)
	}
}

package offline

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"iot-edge-anomaly/model"
	"iot-edge-anomaly/model/train"
)

// TestBenchRow_runWhen: rows are made for which the machine runs, whatever it runs by, or
// nothing but standing still would be timed.
func TestBenchRow_runWhen(t *testing.T) {
	nan := math.NaN()
	for name, when := range map[string]*model.Condition{
		"nothing": nil,
		"above":   {Channel: "a", Above: 5, Below: nan, Settle: 10 * time.Second},
		"below":   {Channel: "b", Above: nan, Below: 30},
		"between": {Channel: "a", Above: 5, Below: 15},
	} {
		s := model.Schema{Period: time.Second, Channels: []model.Channel{{Name: "a"}, {Name: "b"}}, RunWhen: when}
		rnd := rand.New(rand.NewPCG(1, 4))
		var flat []float64
		for range 300 {
			flat = append(flat, 10+rnd.NormFloat64(), 20+rnd.NormFloat64())
		}
		m, _, err := train.Train(t.Context(), s, flat, train.Options{Seed: 1, Epochs: 1})
		if err != nil {
			t.Fatal(err)
		}
		r, err := benchRow(t.Context(), "pump", m, time.Millisecond)
		if err != nil || r.channels != 2 || r.p95 <= 0 || r.samples <= 0 {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
}

package main

import (
	"math"
	"math/rand/v2"
	"time"

	"iot-edge-anomaly/model"
)

// virtual is a simulated machine without faults: next returns row i, which is that of
// minute i unless the period differs.
type virtual struct {
	name   string
	schema model.Schema
	learn  int // rows
	next   func(i int, rng *rand.Rand) []float64
}

// rows returns n rows from row from on. Each call has its own noise.
func (v virtual) rows(from, n int, seed uint64) []float64 {
	rng := rand.New(rand.NewPCG(seed, uint64(from)))
	out := make([]float64, 0, n*len(v.schema.Channels))
	for i := from; i < from+n; i++ {
		out = append(out, v.next(i, rng)...)
	}
	return out
}

// days returns the number of rows in d days.
func (v virtual) days(d int) int { return d * int(24*time.Hour/v.schema.Period) }

func named(names ...string) (out []model.Channel) {
	for _, n := range names {
		out = append(out, model.Channel{Name: n})
	}
	return out
}

// machines are those on which the false alarms of a month are counted. Their signals
// expose an allowance for drift that is too large or too small.
func machines() []virtual {
	hall := virtual{name: "daily sine", schema: model.Schema{Period: time.Minute, Channels: named("hall", "bearing", "oil", "draught")},
		next: func(i int, rng *rand.Rand) []float64 {
			at := 2 * math.Pi * float64(i) / 1440
			day, lag := math.Sin(at), math.Sin(at-0.4)
			return []float64{20 + 5*day + 0.2*rng.NormFloat64(), 40 + 6*lag + 0.2*rng.NormFloat64(),
				50 + 4*lag + 0.2*rng.NormFloat64(), 300 - 20*day + rng.NormFloat64()}
		}}
	hall.learn = hall.days(7)

	pump := virtual{name: "start/stop", schema: model.Schema{Period: 10 * time.Second, Channels: named("speed", "current", "flow"),
		RunWhen: &model.Condition{Channel: "speed", Above: 20, Below: math.NaN(), Settle: 30 * time.Second}},
		next: func(i int, rng *rand.Rand) []float64 {
			speed := 0.0
			if i%360 < 240 {
				speed = 40 + 10*float64(i/360%2)
			}
			return []float64{speed + 0.1*rng.NormFloat64(), 0.1*speed + 0.05*rng.NormFloat64(), 3*speed + rng.NormFloat64()}
		}}
	pump.learn = pump.days(2)

	press := virtual{name: "warm-up ramp", schema: model.Schema{Period: time.Minute, Channels: named("load", "oil", "power"),
		RunWhen: &model.Condition{Channel: "load", Above: 5, Below: math.NaN(), Settle: 2 * time.Minute}},
		next: func(i int, rng *rand.Rand) []float64 {
			minute := i % 1440
			load, oil := 0.0, 20.0
			if ran := minute - 360; ran >= 0 && minute < 1320 { // 6:00 to 22:00
				load = 50 + 5*math.Sin(float64(i)/7)
				oil = 65 - 45*math.Exp(-float64(ran)/40)
			}
			return []float64{load + 0.5*rng.NormFloat64(), oil + 0.2*rng.NormFloat64(), 0.3*load*(1+(65-oil)/200) + 0.2*rng.NormFloat64()}
		}}
	press.learn = press.days(7)
	return []virtual{hall, pump, press}
}

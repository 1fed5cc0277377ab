package main

import (
	"math"
	"math/rand/v2"
	"time"

	"iot-edge-anomaly/model"
)

// wanderer is a random value around zero: an Ornstein-Uhlenbeck process.
type wanderer struct{ at, spread, rows float64 }

func (w *wanderer) next(rng *rand.Rand) float64 {
	keep := math.Exp(-1 / w.rows)
	w.at = keep*w.at + w.spread*math.Sqrt(1-keep*keep)*rng.NormFloat64()
	return w.at
}

// outdoors returns the outside temperature row by row, with a daily course and weather
// fronts of three days. Each row is the given part of a day.
func outdoors(seed uint64, perDay float64) func(i int, rng *rand.Rand) float64 {
	front := wanderer{3 * rand.New(rand.NewPCG(seed, 7)).NormFloat64(), 3, 3 * perDay}
	return func(i int, rng *rand.Rand) float64 {
		return 15 + front.next(rng) + 5*math.Sin(2*math.Pi*(float64(i)/perDay-0.35))
	}
}

// follow moves x towards to: by 63 % of the distance in the given number of rows.
func follow(x *float64, to, rows float64) {
	*x += (to - *x) * (1 - math.Exp(-1/rows))
}

// grained rounds v to the steps of an instrument.
func grained(v, step float64) float64 { return math.Round(v/step) * step }

// weathered are healthy machines that depend on weather, working days and demand.
// Each keeps its state from row to row, so take its rows once, in order.
func weathered(seed uint64) []virtual { return []virtual{compressor(seed), ventilator(seed)} }

// compressor loads and unloads between two pressures, as often as the demand requires.
func compressor(seed uint64) virtual {
	const period = 10.0 // s
	air, demand := outdoors(seed, 86400/period), wanderer{0, 0.08, 1800 / period}
	pressure, oil, outlet, load := 7.0, 70.0, 80.0, 0.0
	return virtual{name: "compressor", schema: model.Schema{Period: 10 * time.Second, Channels: named("pressure", "current", "oil", "outlet", "ambient", "intake")},
		next: func(i int, rng *rand.Rand) []float64 {
			ambient, base := air(i, rng), 0.35
			if hour := float64(i) * period / 3600; int(hour/24)%7 < 5 && math.Mod(hour, 24) > 6 && math.Mod(hour, 24) < 22 {
				base = 0.65
			}
			used := min(max(base+demand.next(rng), 0.1), 0.95)
			for range int(period) {
				pressure += 0.02 * (load - used)
				if pressure > 7.5 {
					load = 0
				} else if pressure < 6.5 {
					load = 1
				}
			}
			follow(&oil, 0.6*ambient+52+14*load, 1200/period)
			follow(&outlet, oil+4+10*load, 120/period)
			n := rng.NormFloat64
			return []float64{grained(pressure+0.005*n(), 0.01), grained(22+33*load+0.4*n(), 0.1), grained(oil+0.05*n(), 0.1),
				grained(outlet+0.1*n(), 0.1), grained(ambient+0.05*n(), 0.1), grained(5+20*load+0.5*n(), 0.1)}
		}}
}

// ventilator blows outside air into a hall, more by day and when it is warm.
func ventilator(seed uint64) virtual {
	const perDay = 1440
	air, dirt, room := outdoors(seed, perDay), wanderer{0, 1, 2 * perDay}, wanderer{0, 0.2, 60}
	bearing := 30.0
	return virtual{name: "ventilator", schema: model.Schema{Period: time.Minute, Channels: named("outside", "supply", "current", "flow", "filter", "vibration", "bearing")},
		next: func(i int, rng *rand.Rand) []float64 {
			outside, speed, clogged := air(i, rng), 0.6, dirt.next(rng)
			if hour := float64(i) / 60; int(hour/24)%7 < 5 && math.Mod(hour, 24) > 7 && math.Mod(hour, 24) < 18 {
				speed = 1
			}
			speed += 0.1 * min(max((outside-15)/8, -1), 1)
			follow(&bearing, outside+10+12*speed, 50)
			n := rng.NormFloat64
			return []float64{grained(outside+0.05*n(), 0.1), grained(19+0.1*(outside-15)+room.next(rng)+0.05*n(), 0.1),
				grained(3+9*speed*speed*speed*(1+0.02*clogged)+0.06*n(), 0.01), grained(5000*speed*(1-0.02*clogged)+40*n(), 1),
				grained(120*speed*speed*(1+0.05*clogged)+1.5*n(), 0.1), grained(0.8*speed*math.Exp(0.1*n()), 0.01), grained(bearing+0.05*n(), 0.1)}
		}}
}

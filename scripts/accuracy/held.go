package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"time"

	"iot-edge-anomaly/model"
)

// Machines that no setting was chosen on: keep it that way. Whoever changes the detector
// reads their figures and changes nothing because of them.
const (
	heldLearn = 14 // days
	heldDays  = 60 // days after that
	heldFault = 3 * time.Hour
	heldSize  = 2.0 // standard deviations of the learning rows
	heldEvery = 3   // days from fault to fault
)

// held are the machines, with a row every two minutes.
func held(seed uint64) []virtual {
	return []virtual{chiller(seed), conveyor(), station()}
}

func everyTwoMinutes(names ...string) model.Schema {
	return model.Schema{Period: 2 * time.Minute, Channels: named(names...)}
}

// chiller cools water for a building: by day, by working days, by weather, and in a season
// that grows warmer by a degree in ten days.
func chiller(seed uint64) virtual {
	const perDay = 720
	air, people, fouled := outdoors(seed, perDay), wanderer{0, 0.1, 90}, wanderer{0, 0.15, 5 * perDay}
	supply, back, stages := 7.0, 10.0, 1.0
	return virtual{name: "chiller", schema: everyTwoMinutes("outside", "supply", "return", "flow", "power", "condenser", "stages"),
		next: func(i int, rng *rand.Rand) []float64 {
			outside := air(i, rng) + float64(i)/perDay/10
			used := 0.15
			if hour := float64(i) / 30; int(hour/24)%7 < 5 && math.Mod(hour, 24) > 6 && math.Mod(hour, 24) < 19 {
				used = 0.45
			}
			used = min(max(used+people.next(rng)*used+0.02*(outside-15), 0.05), 1)
			switch {
			case used > stages/3+0.03 && stages < 3:
				stages++
			case used < (stages-1)/3-0.03 && stages > 1:
				stages--
			}
			flow := 20 + 15*stages
			follow(&supply, 6.5+1.5*used/(stages/3), 8)
			follow(&back, supply+140*used/flow, 8)
			condenser := outside + 9 + 8*used + fouled.next(rng)
			n := rng.NormFloat64
			return []float64{grained(outside+0.05*n(), 0.1), grained(supply+0.05*n(), 0.01), grained(back+0.05*n(), 0.01), grained(flow+0.2*n(), 0.1),
				grained(5+used*(40+1.6*(condenser-supply))+0.5*n(), 0.1), grained(condenser+0.1*n(), 0.1), stages}
		}}
}

// conveyor carries four products, each for some hours, at its own speed.
func conveyor() virtual {
	weights, speeds := []float64{10, 25, 40, 18}, []float64{0.8, 0.5, 0.4, 1}
	product, left := 0, 0
	motor, filled, hall := 30.0, wanderer{0, 0.1, 15}, wanderer{0, 1.5, 360}
	return virtual{name: "conveyor", schema: everyTwoMinutes("speed", "load", "current", "torque", "motor", "hall", "vibration"),
		next: func(i int, rng *rand.Rand) []float64 {
			if left--; left < 0 {
				product, left = rng.IntN(len(weights)), 60+rng.IntN(180)
			}
			speed, load := speeds[product], weights[product]*(1+filled.next(rng))
			warm := 21 + hall.next(rng) + 2*math.Sin(2*math.Pi*float64(i)/720)
			torque := 6 + 0.9*load
			follow(&motor, warm+10+0.7*torque*speed, 25)
			n := rng.NormFloat64
			return []float64{grained(speed+0.003*n(), 0.001), grained(load+0.3*n(), 0.1), grained(1.2+0.11*torque*speed+0.03*n(), 0.01), grained(torque+0.4*n(), 0.1),
				grained(motor+0.1*n(), 0.1), grained(warm+0.1*n(), 0.1), grained((0.6+1.8*speed*speed+0.01*load)*math.Exp(0.08*n()), 0.01)}
		}}
}

// station lifts sewage: two pumps start and stop by the level of a pit, into which more
// flows by day, and much more when it rains.
func station() virtual {
	level, running, rain := 1.5, 0.0, 0.0
	demand := wanderer{0, 0.15, 30}
	return virtual{name: "lift station", schema: everyTwoMinutes("level", "inflow", "pumps", "current", "flow", "pressure"),
		next: func(i int, rng *rand.Rand) []float64 {
			if rng.Float64() < 1.0/(6*720) {
				rain = 0.5 + rng.Float64()
			}
			rain *= 0.99
			inflow := (18+8*math.Sin(2*math.Pi*(float64(i)/720-0.4)))*(1+demand.next(rng)) + 30*rain
			for range 4 { // half minutes
				switch {
				case level > 2.4:
					running = 2
				case level > 2 && running < 1:
					running = 1
				case level < 1:
					running = 0
				}
				level = max(level+(inflow-45*running*(1-0.1*(running-1)))/800, 0.5)
			}
			flow := 45 * running * (1 - 0.1*(running-1)) * (0.95 + 0.05*level/2)
			n := rng.NormFloat64
			return []float64{grained(level+0.01*n(), 0.01), grained(inflow+0.4*n(), 0.1), running, grained(running*(9.5-0.4*level)+0.1*n(), 0.1),
				grained(flow+0.4*n(), 0.1), grained(0.6+0.15*running+0.00008*flow*flow+0.01*n(), 0.01)}
		}}
}

// withFaults is the recording of a machine: after learning, an offset in one channel after
// the other, in turn up and down.
func (v virtual) withFaults(seed uint64) (r recording) {
	c, n := len(v.schema.Channels), v.days(heldLearn+heldDays)
	r.file = file{name: v.name + ".csv", schema: v.schema, rows: v.rows(0, n, seed)}
	learn := v.days(heldLearn)
	r.train = r.rows[:learn*c]
	r.truth = truth{anomalous: make([]bool, n), scored: make([]bool, n)}
	for i := range n {
		at := float64(i) * v.schema.Period.Seconds()
		r.times, r.at = append(r.times, strconv.FormatFloat(at, 'f', -1, 64)), append(r.at, at)
		r.truth.scored[i] = i >= learn
	}
	rows := int(heldFault / v.schema.Period)
	for k := range heldDays/heldEvery - 1 {
		j := k % c
		from := learn + v.days(heldEvery*(k+1)) + v.days(1)/2
		_, sd := moments(r.train, c, j)
		off := heldSize * sd
		if k/c%2 == 1 {
			off = -off
		}
		for i := from; i < from+rows; i++ {
			r.rows[i*c+j] += off
			r.truth.anomalous[i] = true
		}
		r.faults = append(r.faults, fault{r.at[from], r.at[from+rows-1], v.schema.Channels[j].Name})
	}
	return r
}

// heldOut measures the machines that no setting was chosen on; each seed is a machine.
func (b *bench) heldOut() error {
	for k, v := range held(1) {
		fmt.Fprintf(b.w, "%s (simulated, no setting was chosen on it): %d days learnt, then %d with offsets of %g deviations in one channel for %g h\n%s\n",
			v.name, heldLearn, heldDays, heldSize, heldFault.Hours(), fieldHeader)
		line := func(name string, seeds int, run func(*recording, uint64) (watching, error)) error {
			var all []outcome
			faults := 0
			for seed := range seeds {
				r := held(uint64(seed + 1))[k].withFaults(uint64(seed + 1))
				w, err := run(&r, uint64(seed+1))
				if err != nil {
					return err
				}
				all, faults = append(all, r.count(w, &protocol{mergeAlarm: 3600})), len(r.faults)
			}
			b.keep(v.name, name, all)
			fmt.Fprintln(b.w, fieldText(name, all, faults))
			return nil
		}
		if err := line(shipped, b.seeds, b.shippedOn); err != nil {
			return err
		}
		for _, d := range b.simple() {
			if err := line(d.name, b.seedsBeside(), baseline(d)); err != nil {
				return err
			}
		}
		b.unseen = append(b.unseen, v.name)
	}
	return nil
}

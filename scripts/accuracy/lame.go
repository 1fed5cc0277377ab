package main

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"iot-edge-anomaly/model"
	"iot-edge-anomaly/model/train"
)

// lameDays is how long a healthy machine runs without each of its channels.
const lameDays = 3

// lamed is a healthy simulated machine, each channel of which is taken away in turn.
type lamed struct {
	name       string
	alarms     float64 // false alarms, of all channels in turn, mean over seeds
	less, full offsets // offsets found without a channel, and with all channels
}

// offsets counts faults and those that opened an event.
type offsets struct{ made, found int }

func (t offsets) part() float64 { return float64(t.found) / float64(max(t.made, 1)) }

// cycle is a machine whose four channels follow one load with a period of four
// minutes, one of them with a delay. The mean of a residual over a cycle is so steady
// that the smallest bias of the expected values shows.
func cycle() virtual {
	return virtual{name: "cycle", learn: 8640, schema: model.Schema{Period: 10 * time.Second, Channels: named("speed", "current", "flow", "temp")},
		next: func(i int, rng *rand.Rand) []float64 {
			at := 2 * math.Pi * float64(i) / 24
			load := math.Sin(at) + 0.4*math.Sin(2*at+1)
			return []float64{40 + 3*load + 0.1*rng.NormFloat64(), 5 + load + 0.05*rng.NormFloat64(),
				120 + 9*load + rng.NormFloat64(), 60 + 2*math.Sin(at-0.8) + 0.1*rng.NormFloat64()}
		}}
}

// healthy counts false alarms of simulated machines without each channel, and how
// many offsets of five standard deviations in the others are then still found.
func (b *bench) healthy() error {
	fmt.Fprintf(b.w, "healthy machines, %d days without each channel: false alarms by seed; offsets of %g standard deviations in each other channel: %% found, of with all channels\n", lameDays, sigmas)
	for _, v := range append(machines(), cycle()) {
		l, text := lamed{name: v.name}, ""
		for seed := range b.seedsBeside() {
			n, err := l.measure(v, uint64(seed+1))
			if err != nil {
				return fmt.Errorf("%s: %w", v.name, err)
			}
			l.alarms += float64(n) / float64(b.seedsBeside())
			text += fmt.Sprintf(" %d", n)
		}
		b.lame = append(b.lame, l)
		fmt.Fprintf(b.w, "  %-14s %s   %.0f of %.0f\n", v.name, text, 100*l.less.part(), 100*l.full.part())
	}
	return nil
}

// measure learns v and returns the false alarms without each channel in turn.
func (l *lamed) measure(v virtual, seed uint64) (alarms int, err error) {
	learn := v.rows(0, v.learn, seed)
	m, _, err := train.Train(context.Background(), v.schema, learn, train.Options{Seed: seed})
	if err != nil {
		return 0, err
	}
	c := len(v.schema.Channels)
	calm, short := v.rows(v.days(100), v.days(lameDays), seed), v.rows(v.days(50), 3000, seed)
	for gone := -1; gone < c; gone++ {
		if gone >= 0 {
			if v.conditional(gone) {
				continue // without this channel the machine is blind
			}
			w, err := watch(m, dropped(calm, c, gone))
			if err != nil {
				return 0, err
			}
			alarms += len(w.opened)
		}
		for j := range c {
			if j == gone || v.conditional(j) {
				continue
			}
			mean, sd := moments(learn, c, j)
			rows := faulty(short, c, j, 1000, "offset", mean, sd, seed)
			to := &l.full
			if gone >= 0 {
				rows, to = dropped(rows, c, gone), &l.less
			}
			w, err := watch(m, rows)
			if err != nil {
				return 0, err
			}
			to.made++
			if !w.open[999] && blame(w, c, 1000) >= 0 {
				to.found++
			}
		}
	}
	return alarms, nil
}

// conditional tells whether channel j is the condition for the machine to run.
func (v virtual) conditional(j int) bool {
	return v.schema.RunWhen != nil && v.schema.RunWhen.Channel == v.schema.Channels[j].Name
}

// dropped returns rows without channel j.
func dropped(rows []float64, c, j int) []float64 {
	out := append([]float64(nil), rows...)
	for i := j; i < len(out); i += c {
		out[i] = math.NaN()
	}
	return out
}

package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"time"

	"iot-edge-anomaly/model"
)

// The simulated machines of set many: one of many channels is off by less than it moves.
const (
	manyLearn   = 10000
	manyRows    = 30000
	manyFactors = 6
	manyNoise   = 0.15
	manyFault   = 120 // rows of each fault
	manyFound   = 130 // rows within which an alarm must open
	manyBetween = 800 // rows from fault to fault
	manySigmas  = 8   // of the noise; about 1.2 of a channel
)

// many are the machines, with what is to be reached of 25 faults.
var many = []struct {
	name          string
	channels      int
	bent          bool
	must, stretch float64
}{{"linear 40", 40, false, 24, 25}, {"bent 8", 8, true, 10, 16}, {"bent 40", 40, true, 19, 23}}

// manyChannels simulates c channels that follow six slow factors. Bent: every second one
// is as it is, the others are a curve of it. Then offsets come into single channels.
func manyChannels(c int, bent bool, seed uint64) (r recording) {
	rng := rand.New(rand.NewPCG(seed, 40))
	mix := make([]float64, manyFactors*c)
	for i := range mix {
		mix[i] = rng.NormFloat64() / math.Sqrt(manyFactors)
	}
	factors := make([]float64, manyFactors)
	r.name = "many.csv"
	r.schema = model.Schema{Period: 10 * time.Second}
	for j := range c {
		r.schema.Channels = append(r.schema.Channels, model.Channel{Name: fmt.Sprintf("c%02d", j)})
	}
	for i := range manyRows {
		for k := range factors {
			factors[k] = 0.98*factors[k] + math.Sqrt(1-0.98*0.98)*rng.NormFloat64()
		}
		for j := range c {
			x := 0.0
			for k, f := range factors {
				x += f * mix[k*c+j]
			}
			if bent && j%2 == 1 {
				x = math.Tanh(1.5*x) + 0.4*x*x
			}
			r.rows = append(r.rows, grained(x+manyNoise*rng.NormFloat64(), 0.0001))
		}
		r.times, r.at = append(r.times, strconv.Itoa(10*i)), append(r.at, float64(10*i))
	}
	r.train = r.rows[:manyLearn*c]
	r.truth = truth{anomalous: make([]bool, manyRows), scored: make([]bool, manyRows)}
	for i := manyLearn; i < manyRows; i++ {
		r.truth.scored[i] = true
	}
	for a := manyLearn + 400; a < manyRows-200; a += manyBetween {
		j, off := rng.IntN(c), manySigmas*manyNoise
		if rng.IntN(2) == 0 {
			off = -off
		}
		for i := a; i < a+manyFault; i++ {
			r.rows[i*c+j] = grained(r.rows[i*c+j]+off, 0.0001)
			r.truth.anomalous[i] = true
		}
		r.faults = append(r.faults, fault{r.at[a], r.at[a+manyFound-1], r.schema.Channels[j].Name})
	}
	return r
}

// countMany counts the faults within which an alarm opened, and every other alarm as
// false, in the learning rows too.
func (r *recording) countMany(w watching) outcome {
	o := r.count(w, &protocol{})
	o.fresh, o.wrong = 0, len(w.alarms)
	for _, f := range r.faults {
		hits := 0
		for _, a := range w.alarms {
			if a.from >= f.from && a.from <= f.to {
				hits++
			}
		}
		o.wrong -= hits
		o.fresh += min(hits, 1)
	}
	return o
}

// manyMachines measures the machines with every detector; each seed is a machine.
func (b *bench) manyMachines() error {
	for _, m := range many {
		fmt.Fprintf(b.w, "%s channels, one of them off by %g deviations of its noise; %d rows learnt\n%s\n", m.name, float64(manySigmas), manyLearn, fieldHeader)
		took := 0.0
		line := func(name string, run func(*recording, uint64) (watching, error)) error {
			var all []outcome
			for seed := range b.seeds {
				r := manyChannels(m.channels, m.bent, uint64(seed+1))
				w, err := run(&r, uint64(seed+1))
				if err != nil {
					return err
				}
				if w.report != nil {
					took = max(took, w.report.Took.Seconds())
				}
				all = append(all, r.countMany(w))
			}
			b.keep(m.name, name, all)
			fmt.Fprintln(b.w, fieldText(name, all, 1))
			return nil
		}
		if err := line(shipped, b.shippedOn); err != nil {
			return err
		}
		for _, d := range b.simple() {
			if err := line(d.name, baseline(d)); err != nil {
				return err
			}
		}
		fmt.Fprintf(b.w, "  learning took %.1f s at most\n", took)
	}
	return nil
}

// verdictsMany prints the targets of the machines with many channels.
func (b *bench) verdictsMany() {
	for _, m := range many {
		if all := b.outcomes[m.name][shipped]; all != nil {
			b.verdict("B", "many, "+m.name+": found of 25, false", least1(meanOf(all, fieldFresh), m.must, m.stretch, 1), most1(meanOf(all, fieldWrong), 2, 0, 1))
		}
	}
}

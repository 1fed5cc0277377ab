package main

import (
	"context"
	"fmt"
	"math"
	"time"

	"iot-edge-anomaly/model"
	"iot-edge-anomaly/model/train"
)

// expectation tells how good the expected values of events are, as means over the
// channels.
type expectation struct {
	off     float64 // RMS of value - expected in normal rows, divided by that of value - median
	follows float64 // part of an offset of five standard deviations that the expected value follows
	n       int
}

// expectations prints them for the machines with injected faults. The learnt median
// alone would be off by 1 and follow nothing.
func (b *bench) expectations() error {
	plants, err := b.machinery()
	if err != nil {
		return err
	}
	rows, _ := curves()
	c := len(curveChannels)
	plants = append(plants, plant{curvesName, model.Schema{Period: 10 * time.Second, Channels: named(curveChannels...)},
		rows[:curveLearn*c], rows[curveLearn*c : (curveLearn+curveBetween)*c], 100})
	fmt.Fprintf(b.w, "expected values, by the learnt median 1.00 and 0.00: error in normal rows; part of an offset of %g standard deviations they follow\n", sigmas)
	for _, p := range plants {
		var e expectation
		for seed := range b.seedsBeside() {
			m, _, err := train.Train(context.Background(), p.schema, p.learn, train.Options{Seed: uint64(seed + 1)})
			if err != nil {
				return fmt.Errorf("%s: %w", p.name, err)
			}
			e.add(m, p)
		}
		fmt.Fprintf(b.w, "  %-14s %.2f  %.2f\n", p.name, e.off/float64(e.n), e.follows/float64(e.n))
	}
	return nil
}

// add measures every channel of p that moves and is not the machine's condition.
func (e *expectation) add(m *model.Model, p plant) {
	c := len(p.schema.Channels)
	clean := expects(m, p.rows)
	for j := range c {
		mean, sd := moments(p.learn, c, j)
		if sd == 0 || p.schema.RunWhen != nil && p.schema.RunWhen.Channel == p.schema.Channels[j].Name {
			continue
		}
		faulty := expects(m, faulty(p.rows, c, j, p.begin, "offset", mean, sd, 1))
		var network, median, moved, rows float64
		for i := p.begin*c + j; i < len(p.rows); i += c {
			if math.IsNaN(clean[i]) || math.IsNaN(faulty[i]) || math.IsNaN(p.rows[i]) {
				continue
			}
			x := p.rows[i]
			network += (x - clean[i]) * (x - clean[i])
			median += (x - m.Parameters().Center[j]) * (x - m.Parameters().Center[j])
			moved += faulty[i] - clean[i]
			rows++
		}
		if rows == 0 || median == 0 {
			continue
		}
		e.off += math.Sqrt(network / median)
		e.follows += moved / rows / (sigmas * sd)
		e.n++
	}
}

// expects returns what m expects in each row, (n, C), NaN where it has no score.
func expects(m *model.Model, rows []float64) []float64 {
	s, c := model.NewScorer(m), len(m.Schema().Channels)
	out := make([]float64, 0, len(rows))
	for i := 0; i < len(rows); i += c {
		v, ok := s.Push(rows[i : i+c])
		for j := range c {
			x := math.NaN()
			if ok {
				x = v.Expected[j]
			}
			out = append(out, x)
		}
	}
	return out
}

package main

import (
	"context"
	"math"
	"math/rand/v2"

	"iot-edge-anomaly/model"
	"iot-edge-anomaly/model/train"
)

// kinds are the kinds of fault, each of five standard deviations of the learning
// rows: an offset; deviations from the mean six times as large; a ramp that reaches
// the offset in half the time; a value that stays at that of the first row; noise.
var kinds = []string{"offset", "gain", "ramp", "stuck", "noise"}

const sigmas = 5.0

// injected counts the faults by kind.
type injected struct {
	made, found, right map[string]int
}

func newInjected() injected {
	return injected{made: map[string]int{}, found: map[string]int{}, right: map[string]int{}}
}

// share returns parts of all faults, or of those of one kind.
func (in injected) share(kind string) (found, right float64) {
	var n, f, r int
	for _, k := range kinds {
		if kind == "" || kind == k {
			n, f, r = n+in.made[k], f+in.found[k], r+in.right[k]
		}
	}
	return float64(f) / float64(max(n, 1)), float64(r) / float64(max(f, 1))
}

// inject puts every kind of fault into every channel of rows, from row begin on,
// and counts those that open an event and those blamed on the right channel.
func inject(s model.Schema, learn, rows []float64, begin int, seed uint64, to injected) error {
	m, _, err := train.Train(context.Background(), s, learn, train.Options{Seed: seed})
	if err != nil {
		return err
	}
	c := len(s.Channels)
	for j := range c {
		mean, sd := moments(learn, c, j)
		if sd == 0 || s.RunWhen != nil && s.RunWhen.Channel == s.Channels[j].Name {
			continue // a constant channel has no deviation; the condition is not a measurement
		}
		for _, kind := range kinds {
			w, err := watch(m, faulty(rows, c, j, begin, kind, mean, sd, seed))
			if err != nil {
				return err
			}
			to.made[kind]++
			if begin > 0 && w.open[begin-1] {
				continue // an event that was open before does not belong to this fault
			}
			if blamed := blame(w, c, begin); blamed >= 0 {
				to.found[kind]++
				if blamed == j {
					to.right[kind]++
				}
			}
		}
	}
	return nil
}

// blame returns the channel with the largest share of what was flagged from row
// begin on while an event was open, -1 if none opened.
func blame(w watched, c, begin int) int {
	sum, top, any := make([]float64, c), 0, false
	for i := begin; i < len(w.open); i++ {
		v := w.out.score[i]
		if !w.open[i] || !(v > 0.8) {
			continue
		}
		any = true
		for j := range sum {
			sum[j] += w.out.shares[i*c+j] * v * v
		}
	}
	if !any {
		return -1
	}
	for j := range sum {
		if sum[j] > sum[top] {
			top = j
		}
	}
	return top
}

// faulty returns rows with one fault in channel j.
func faulty(rows []float64, c, j, begin int, kind string, mean, sd float64, seed uint64) []float64 {
	out := append([]float64(nil), rows...)
	rng := rand.New(rand.NewPCG(seed, uint64(j)))
	n := len(rows)/c - begin
	for i := range n {
		x := &out[(begin+i)*c+j]
		switch kind {
		case "offset":
			*x += sigmas * sd
		case "gain":
			*x = mean + (1+sigmas)*(*x-mean)
		case "ramp":
			*x += sigmas * sd * min(1, 2*float64(i)/float64(n))
		case "stuck":
			*x = rows[begin*c+j]
		case "noise":
			*x += sigmas * sd * rng.NormFloat64()
		}
	}
	return out
}

// moments returns mean and standard deviation of channel j.
func moments(rows []float64, c, j int) (mean, sd float64) {
	n := 0.0
	for i := j; i < len(rows); i += c {
		if x := rows[i]; !math.IsNaN(x) {
			n++
			mean += x
		}
	}
	mean /= max(n, 1)
	for i := j; i < len(rows); i += c {
		if x := rows[i]; !math.IsNaN(x) {
			sd += (x - mean) * (x - mean)
		}
	}
	return mean, math.Sqrt(sd / max(n, 1))
}

package main

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"iot-edge-anomaly/agent/detect"
	"iot-edge-anomaly/model"
	"iot-edge-anomaly/model/train"
)

// slow kinds of fault: a ramp of two standard deviations in as many rows as were
// learnt; noise that doubles the deviations; a gain error that doubles them.
var slowKinds = []string{"ramp", "noise", "gain"}

// healthy is a machine that is learnt, and rows without a label after that.
type healthy struct {
	name        string
	schema      model.Schema
	learn, rows []float64
}

// healthyMachines are the normal spans, and those of the simulated machines.
func (b *bench) healthyMachines() (out []healthy, err error) {
	for _, name := range []string{"skab_normal", "tep", "gecco"} {
		s, err := load(b.data, name)
		if err != nil {
			return nil, err
		}
		f := s.files[0] // tep: d00
		h := healthy{name, f.schema, f.train, f.rows}
		if name == "skab_normal" {
			h.rows = f.rows[len(f.train):]
		}
		if name == "gecco" {
			if h.rows, err = normalDays(s.dir, f); err != nil {
				return nil, err
			}
		}
		out = append(out, h)
	}
	for _, v := range machines() {
		out = append(out, healthy{v.name, v.schema, v.rows(0, v.learn, 1), v.rows(v.days(100), v.days(30), 1)})
	}
	return out, nil
}

// normalDays are the days after learning in which no row is labelled.
func normalDays(dir string, f file) ([]float64, error) {
	l, err := truthOf(dir, f)
	if err != nil {
		return nil, err
	}
	c, day := len(f.schema.Channels), int(24*time.Hour/f.schema.Period)
	var rows []float64
	for from := len(f.train) / c; from < len(l.anomalous); from += day {
		if to := min(from+day, len(l.anomalous)); !slices.Contains(l.anomalous[from:to], true) {
			rows = append(rows, f.rows[from*c:to*c]...)
		}
	}
	return rows, nil
}

// seen is the outcome of rows under the agent's default policy.
type seen struct {
	drifts int
	at     int     // row of the first drift event that names the channel, -1 = none
	alarm  int     // row of the first process anomaly that blames the channel, -1 = none
	judged float64 // highest drift score of the channel; NaN = it cannot be judged
	top    float64 // highest drift score of any channel
}

// first is the row of the first event that reports a fault from row begin on.
func (s seen) first(begin int) int {
	if s.alarm >= begin && (s.at < begin || s.alarm < s.at) {
		return s.alarm
	}
	if s.at >= begin {
		return s.at
	}
	return -1
}

// driftOf passes rows through scorer, detector and drift.
func driftOf(m *model.Model, rows []float64, channel int) (seen, error) {
	s := m.Schema()
	j, err := judging(m, policy(s))
	if err != nil {
		return seen{}, err
	}
	out, c, at := seen{at: -1, alarm: -1, judged: math.NaN(), top: math.NaN()}, len(s.Channels), time.Unix(1e9, 0)
	for i := 0; i < len(rows); i += c {
		at = at.Add(s.Period)
		v := j.Push(at, rows[i:i+c])
		named := s.Channels[channel].Name
		for _, ev := range v.Events {
			switch drift := ev.Kind == detect.Drift; {
			case ev.State == detect.Close:
			case !drift && out.alarm < 0 && ev.Causes[0].Channel == named:
				out.alarm = i / c
			case drift && out.at < 0 && slices.ContainsFunc(ev.Causes, func(x detect.Cause) bool { return x.Channel == named }):
				out.at = i / c
			}
			if ev.Kind == detect.Drift && ev.State == detect.Open {
				out.drifts++
			}
		}
		if v.Looked {
			d := j.Drift()
			out.top = higher(out.top, d.Score)
			out.judged = higher(out.judged, d.Channels[channel].Score)
		}
	}
	return out, nil
}

// higher is the larger of two numbers, either of which may be NaN.
func higher(a, b float64) float64 {
	if a >= b || math.IsNaN(b) {
		return a
	}
	return b
}

// slowly returns rows with a slow fault in channel j from row begin on.
func slowly(rows []float64, c, j, begin, learnt int, kind string, mean, sd float64, seed uint64) []float64 {
	out := slices.Clone(rows)
	rng := rand.New(rand.NewPCG(seed, uint64(j)))
	for i := begin; i < len(rows)/c; i++ {
		x := &out[i*c+j]
		switch kind {
		case "ramp":
			*x += 2 * sd * float64(i-begin) / float64(learnt)
		case "noise":
			*x += math.Sqrt(3) * sd * rng.NormFloat64()
		case "gain":
			*x = mean + 2*(*x-mean)
		}
	}
	return out
}

// drifts measures drift: events on rows without a fault, and how soon slow faults in
// every channel are reported, as drift or before that as an anomaly.
func (b *bench) drifts() error {
	all, err := b.healthyMachines()
	if err != nil {
		return err
	}
	fmt.Fprintf(b.w, "drift: events on normal rows, highest score (0.7 = drift); then slow faults in each channel that can be judged (ramp of two standard deviations in the\n"+
		"time of learning, noise and gain errors that double them): %% told as drift, %% told at all, median days to the first event\n"+
		"  %-14s  %5s  %5s  %6s  %5s  %8s", "machine", "learn", "days", "events", "score", "channels")
	for _, k := range slowKinds {
		fmt.Fprintf(b.w, "  %15s", k)
	}
	fmt.Fprintln(b.w)
	for _, h := range all {
		if err := b.driftsOf(h); err != nil {
			return fmt.Errorf("%s: %w", h.name, err)
		}
	}
	return nil
}

func (b *bench) driftsOf(h healthy) error {
	c := len(h.schema.Channels)
	learnt, days := len(h.learn)/c, h.schema.Period.Hours()/24
	m, _, err := train.Train(context.Background(), h.schema, h.learn, train.Options{Seed: 1})
	if err != nil {
		return err
	}
	events, top, judged := 0, math.NaN(), 0
	told, any, when := map[string]int{}, map[string]int{}, map[string][]float64{}
	for j := range c {
		s, err := driftOf(m, h.rows, j)
		if err != nil {
			return err
		}
		events, top = s.drifts, higher(top, s.top)
		mean, sd := moments(h.learn, c, j)
		if r := h.schema.RunWhen; math.IsNaN(s.judged) || sd == 0 || r != nil && r.Channel == h.schema.Channels[j].Name {
			continue
		}
		judged++
		begin := len(h.rows) / c / 8
		for _, k := range slowKinds {
			s, err := driftOf(m, slowly(h.rows, c, j, begin, learnt, k, mean, sd, 1), j)
			if err != nil {
				return err
			}
			if s.at >= begin {
				told[k]++
			}
			if first := s.first(begin); first >= 0 {
				any[k]++
				when[k] = append(when[k], float64(first-begin)*days)
			}
		}
	}
	text := fmt.Sprintf("  %-14s  %4.2fd  %4.1fd  %6d  %5.2f  %5d/%-2d", h.name, float64(learnt)*days, float64(len(h.rows)/c)*days, events, top, judged, c)
	for _, k := range slowKinds {
		n := float64(max(judged, 1)) / 100
		text += fmt.Sprintf("  %3.0f %3.0f %6.1fd", float64(told[k])/n, float64(any[k])/n, middle(when[k]))
	}
	fmt.Fprintln(b.w, strings.ReplaceAll(text, "NaN", "  -"))
	return nil
}

// middle is the median; NaN if there is no value.
func middle(v []float64) float64 {
	if len(v) == 0 {
		return math.NaN()
	}
	slices.Sort(v)
	return v[len(v)/2]
}

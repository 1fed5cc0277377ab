package offline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"iot-edge-anomaly/agent/detect"
	"iot-edge-anomaly/agent/judge"
	"iot-edge-anomaly/agent/report"
	"iot-edge-anomaly/model"
	"iot-edge-anomaly/model/train"
	"iot-edge-anomaly/quant"
	"iot-edge-anomaly/quant/speed"
)

// Target is what a gateway must reach from a row's values to its event, on one core.
type Target struct {
	P95     time.Duration // nineteen of twenty rows take less
	Samples float64       // more rows a second
}

// DefaultTarget is ten times better than what an alert tells (HighInferenceLatency).
var DefaultTarget = Target{P95: time.Millisecond, Samples: 1000}

// rowTiming is how long rows of one model take until their event is written.
type rowTiming struct {
	machine       string // empty = the reference model
	channels      int
	p50, p95, p99 time.Duration
	samples       float64 // rows a second
	allocs        float64 // of a row without an event
}

// missed tells what is worse than the target; empty = nothing.
func (r *rowTiming) missed(t Target) string {
	var out []string
	if r.p95 >= t.P95 {
		out = append(out, fmt.Sprintf("p95 is %v, the target below %v", r.p95, t.P95))
	}
	if r.samples <= t.Samples {
		out = append(out, fmt.Sprintf("%.4g samples a second, the target more than %g", r.samples, t.Samples))
	}
	return strings.Join(out, "; ")
}

// name is whose model it is.
func (r *rowTiming) name() string {
	if r.machine == "" {
		return "reference"
	}
	return r.machine
}

// Missed is an error that names each figure that is worse than the target.
func (ts *Timings) Missed() error {
	var errs []error
	for i := range ts.rows {
		if text := ts.rows[i].missed(ts.target); text != "" {
			errs = append(errs, fmt.Errorf("%s: %s", ts.rows[i].name(), text))
		}
	}
	return errors.Join(errs...)
}

// referenceModel is learnt quickly from rows of eight channels that follow one load.
func referenceModel(ctx context.Context) (*model.Model, error) {
	const channels, rows = 8, 600
	s := model.Schema{Period: time.Second}
	for i := range channels {
		s.Channels = append(s.Channels, model.Channel{Name: fmt.Sprintf("reference.c%d", i)})
	}
	rnd, load := rand.New(rand.NewPCG(1, 1)), 0.0
	var flat []float64
	for range rows {
		load += rnd.NormFloat64() - load/16
		for i := range channels {
			flat = append(flat, 20+load/float64(1+i%5)+0.3*rnd.NormFloat64())
		}
	}
	m, _, err := train.Train(ctx, s, flat, train.Options{Seed: 1, Epochs: 2})
	return m, err
}

const (
	benchCycle = 512                    // rows until they come again, at another time
	benchLeast = 2000                   // rows, for a p99
	benchMost  = 1 << 20                // durations that are kept
	benchFault = benchCycle - benchLast // from this row of a cycle on, a channel is wrong
	benchLast  = 32
)

// benchRows are rows around what the model had learnt, with a fault in each cycle.
func benchRows(m *model.Model) [][]float64 {
	p, rnd := m.Parameters(), rand.New(rand.NewPCG(1, 3))
	out := make([][]float64, benchCycle)
	for i := range out {
		row := make([]float64, len(p.Center))
		for k := range row {
			if p.Spread[k] == model.Unlearnt {
				continue
			}
			row[k] = p.Center[k] + 0.3*p.Spread[k]*rnd.NormFloat64()
			if i >= benchFault && k == 0 {
				row[k] += 50 * p.Spread[k]
			}
			if r := p.Schema.RunWhen; r != nil && r.Channel == p.Schema.Channels[k].Name && !(row[k] > r.Above && row[k] < r.Below) {
				row[k] = runs(r)
			}
		}
		out[i] = row
	}
	return out
}

// runs is a value with which the machine runs.
func runs(c *model.Condition) float64 {
	switch above, below := !math.IsNaN(c.Above) && !math.IsInf(c.Above, 0), !math.IsNaN(c.Below) && !math.IsInf(c.Below, 0); {
	case above && below:
		return (c.Above + c.Below) / 2
	case above:
		return c.Above + math.Abs(c.Above) + 1
	}
	return c.Below - math.Abs(c.Below) - 1
}

// benchRow measures rows of a model, through what the running agent does with each: its
// limits, score, drift and events, which are written to nowhere.
func benchRow(ctx context.Context, machine string, m *model.Model, spell time.Duration) (rowTiming, error) {
	out := rowTiming{machine: machine, channels: len(m.Schema().Channels)}
	j, err := judge.New(judge.Options{Policy: detect.DefaultPolicy("bench", m.Schema().Channels)})
	if err == nil {
		err = j.Use(m)
	}
	if err != nil {
		return out, err
	}
	at, step := time.Unix(1764000000, 0).UTC(), max(m.Schema().Period, time.Millisecond)
	events, err := report.New(report.Device{Device: "bench", Boot: "bench"}, report.Lines(io.Discard), func() report.Clock { return report.Clock{Now: at, Quality: report.Synced} })
	if err != nil {
		return out, err
	}
	rows, n := benchRows(m), 0
	push := func() (v judge.Verdict, err error) {
		v = j.Push(at, rows[n%benchCycle])
		for _, ev := range v.Events {
			err = errors.Join(err, events.Event(ev, report.ModelRef{}))
		}
		n++
		at = at.Add(step)
		return v, err
	}
	var took []float64 // s
	total, ready := 0.0, false
	for begin := time.Now(); (len(took) < benchLeast || time.Since(begin) < spell) && len(took) < benchMost; {
		if err := ctx.Err(); err != nil {
			return out, err
		}
		if n > 100*benchCycle && !ready {
			return out, errors.New("its model scores no row: is its run_when ever true?")
		}
		start := time.Now()
		v, err := push()
		d := time.Since(start).Seconds()
		if err != nil {
			return out, err
		}
		if ready = ready || v.Scored; ready {
			took = append(took, d)
			total += d
		}
	}
	slices.Sort(took)
	for i, part := range [...]float64{0.5, 0.95, 0.99} {
		*[...]*time.Duration{&out.p50, &out.p95, &out.p99}[i] = time.Duration(1e9 * took[int(part*float64(len(took)-1))])
	}
	out.samples = float64(len(took)) / max(total, 1e-9)
	for n = 0; n < benchFault/2; { // away from the fault
		if _, err := push(); err != nil {
			return out, err
		}
	}
	out.allocs = speed.Allocs(func() { push() })
	return out, nil
}

// json is the element of the array.
func (r *rowTiming) json(t Target) timing {
	return timing{Network: "row", Machine: r.machine, Kernel: quant.Kernel(), NS: float64(r.p50), Allocs: r.allocs, rowJSON: &rowJSON{
		P50: float64(r.p50), P95: float64(r.p95), P99: float64(r.p99), Samples: round(r.samples, 4),
		TargetP95: float64(t.P95), TargetSamples: t.Samples, Met: r.missed(t) == ""}}
}

// rowJSON is what an element of network "row" has more.
type rowJSON struct {
	P50           float64 `json:"p50_ns"`
	P95           float64 `json:"p95_ns"`
	P99           float64 `json:"p99_ns"`
	Samples       float64 `json:"samples_per_s"`
	TargetP95     float64 `json:"target_p95_ns"`
	TargetSamples float64 `json:"target_samples_per_s"`
	Met           bool    `json:"met"`
}

// printRows writes the table of the rows.
func (ts *Timings) printRows(w io.Writer) error {
	fmt.Fprintf(w, "\nfrom a row to its event, one core, kernel %s; target: p95 below %v, more than %g samples a second\n\n", quant.Kernel(), ts.target.P95, ts.target.Samples)
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(tw, "model\tchannels\tp50\tp95\tp99\tsamples/s\tallocs\ttarget\t")
	for i := range ts.rows {
		r, verdict := &ts.rows[i], "met"
		if r.missed(ts.target) != "" {
			verdict = "MISSED"
		}
		us := func(d time.Duration) string { return fmt.Sprintf("%.3g µs", float64(d)/1000) }
		fmt.Fprintf(tw, "%s\t%d\t%s\t%s\t%s\t%.0f\t%g\t%s\t\n", r.name(), r.channels, us(r.p50), us(r.p95), us(r.p99), r.samples, r.allocs, verdict)
	}
	return tw.Flush()
}

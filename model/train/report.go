package train

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"time"

	"iot-edge-anomaly/model"
)

// Report describes for a person what was learnt, with warnings.
type Report struct {
	Rows   int           `json:"rows"`    // rows that were given
	Step   time.Duration `json:"step_ns"` // time between two rows; 0 = unknown
	Used   int           `json:"used"`    // rows that were learnt
	Idle   int           `json:"idle"`    // rows left out: outside run_when, or settling
	Empty  int           `json:"empty"`   // rows left out: no value in any channel
	Scored int           `json:"scored"`  // learning rows that have a score
	Above  int           `json:"above"`   // of these, above the threshold

	Period   int                  `json:"period"`          // rows of the machine's cycle; 0 = none found
	Window   int                  `json:"window"`          // rows
	Mean     int                  `json:"mean"`            // rows
	Smooth   int                  `json:"smooth"`          // rows
	Horizon  int                  `json:"horizon"`         // rows
	Windows  int                  `json:"windows"`         // windows the network was trained on
	Network  []int                `json:"network"`         // widths
	Peers    *PeersReport         `json:"peers,omitempty"` // nil = too few rows, or too few or many channels
	Epochs   int                  `json:"epochs"`
	Seed     uint64               `json:"seed"`
	Loss     float64              `json:"loss"`     // mean squared error of the last epoch, with noise
	Int8Gap  float64              `json:"int8_gap"` // RMS difference between int8 and float32 outputs, in units of u
	Limits   [model.Terms]float64 `json:"limits"`
	Alarms   model.Alarms         `json:"false_alarms"`
	Start    int                  `json:"start"` // leading warm-up rows: learnt, but they do not set the limits
	Channels []ChannelReport      `json:"channels"`
	Warnings []string             `json:"doubts"` // sentences
	Took     time.Duration        `json:"took_ns"`
}

// PeersReport describes what was learnt of each channel from the others.
type PeersReport struct {
	Judged   int     `json:"judged"` // channels
	Features int     `json:"features"`
	Points   int     `json:"points"` // operating points
	Odd      int     `json:"odd"`    // rows left out: another regime
	Stray    float64 `json:"stray"`  // limits, in units of the usual spread
	Slow     float64 `json:"slow"`
}

// ChannelReport describes what was learnt of one channel.
type ChannelReport struct {
	Name    string  `json:"name"`
	Unit    string  `json:"unit"`
	Missing int     `json:"missing"` // running rows without a value
	Median  float64 `json:"median"`  // physical units
	Low     float64 `json:"low"`     // 0.1 % quantile
	High    float64 `json:"high"`    // 99.9 % quantile
	SD      float64 `json:"sd"`      // standard deviation, physical units
	Stretch float64 `json:"stretch"` // factor by which the drift allowance widens the scale, 1 = not
	Bounded bool    `json:"bounded"` // the range of the channel bounds the allowance
}

// begin fills in what is known before training.
func (r *Report) begin(t *trainingSet, o Options) {
	r.Rows, r.Used, r.Seed, r.Step = t.n-len(o.Gaps), t.used, o.Seed, t.schema.Period
	gaps := o.Gaps
	for i, run := range t.run {
		switch {
		case len(gaps) > 0 && i == gaps[0]:
			gaps = gaps[1:]
		case !run:
			r.Idle++
		}
	}
	r.Empty = r.Rows - r.Idle - r.Used
	for j, ch := range t.schema.Channels {
		if slices.Contains(t.dead, j) {
			r.Channels = append(r.Channels, ChannelReport{Name: ch.Name, Unit: ch.Unit, Missing: r.Rows - r.Idle})
			r.warn("%s had no value at all: it is not monitored until the machine is learnt anew", ch.Name)
			continue
		}
		v := t.column(j)
		_, sd := spreadOf(v)
		slices.Sort(v)
		r.Channels = append(r.Channels, ChannelReport{Name: ch.Name, Unit: ch.Unit, Missing: r.Rows - r.Idle - len(v),
			Median: quantile(v, 0.5), Low: quantile(v, 0.001), High: quantile(v, 0.999), SD: sd})
		if v[0] == v[len(v)-1] {
			r.warn("%s never changed: that it does will raise the score, by how much says nothing", ch.Name)
		} else if sd < leastSpread {
			r.warn("%s varies by only %.2g: changes below %g are not seen, use a smaller unit", ch.Name, sd, leastSpread)
		}
		if m := r.Rows - r.Idle - len(v); 10*m > r.Rows-r.Idle {
			r.warn("%s is missing in %d of %d rows", ch.Name, m, r.Rows-r.Idle)
		}
		if why := t.counts(j); why != "" {
			r.warn("%s %s", ch.Name, why)
		}
		for k := range j {
			if t.same(j, k) {
				r.warn("%s and %s always have the same value", t.schema.Channels[k].Name, ch.Name)
			}
		}
	}
	r.shorten()
	if t.used < 400 {
		r.warn("only %d rows: a few hundred more make the threshold reliable", t.used)
	}
	if r.Empty > 0 {
		what := "rows have"
		if r.Empty == 1 {
			what = "row has"
		}
		r.warn("%d %s no value in any channel: the recording has gaps", r.Empty, what)
	}
	r.warnCoverage(t, o.Coverage)
}

// maxWarnings bounds the number of warnings about channels, which a model file and a page
// have to hold.
const maxWarnings = 50

// shorten keeps the first maxWarnings warnings and counts the others.
func (r *Report) shorten() {
	if n := len(r.Warnings) - maxWarnings; n > 0 {
		r.Warnings = r.Warnings[:maxWarnings]
		r.warn("%d more warnings about channels", n)
	}
}

// warnShifts warns of a warm-up, of channels that ended where they had not been before
// and of level shifts. from is the first row that sets limits; steps holds the rows of the
// level shifts, counted from there.
func (r *Report) warnShifts(schema model.Schema, from int, ended []int, steps map[int]int) {
	if r.Start = from; from > 0 {
		r.warn("the first %d rows are a warm-up to which the machine never returned: they do not set the limits", from)
	}
	for _, j := range ended {
		r.warn("%s ended where it had not been before: a level shift, or the machine was still warming up", schema.Channels[j].Name)
	}
	for j, ch := range schema.Channels {
		if at, ok := steps[j]; ok && !slices.Contains(ended, j) {
			r.warn("%s changed its level near row %d and stayed there: both levels count as normal", ch.Name, from+at)
		}
	}
	r.shorten()
}

// counts says why a channel looks like a counter or a clock, which no model can learn:
// each new value is one that never was before. It is empty where it does not.
func (t *trainingSet) counts(j int) string {
	const enough = 20 // rises
	rises, falls, evenly := 0, 0, true
	before, first, step, top := math.NaN(), math.NaN(), 0.0, math.Inf(-1)
	n, low := 0, math.Inf(1)
	for i := range t.run {
		v := t.rows[i*t.c+j]
		if !finite(v) || !t.run[i] {
			before = math.NaN()
			continue
		}
		n, low, top = n+1, min(low, v), max(top, v)
		switch d := v - before; {
		case math.IsNaN(before):
			if math.IsNaN(first) {
				first = v
			}
		case d > 0:
			rises++
			if step == 0 {
				step = d
			}
			evenly = evenly && math.Abs(d-step) <= step/10
		case d < 0:
			if v > low+(top-low)/2 {
				return "" // no new beginning
			}
			falls++
		default:
			evenly = false
		}
		before = v
	}
	switch {
	case rises < enough || falls*100 > rises:
		return ""
	case evenly:
		return "advances evenly, like a clock: leave it out of the machine's channels"
	}
	return fmt.Sprintf("only ever rises, by %.4g in %d rows, like a counter: with counter: true its rate is learnt instead", top-first, n)
}

// same tells whether two channels are equal in every running row, and not constant.
func (t *trainingSet) same(j, k int) bool {
	changes, first := false, math.NaN()
	for i := range t.run {
		a, b := t.rows[i*t.c+j], t.rows[i*t.c+k]
		if !t.run[i] || !finite(a) || !finite(b) {
			continue
		}
		if a != b {
			return false
		}
		if math.IsNaN(first) {
			first = a
		}
		changes = changes || a != first
	}
	return changes
}

// end fills in the results of training and calibration.
func (r *Report) end(p *model.Parameters, as []allowance) {
	for k, v := range p.Limits {
		r.Limits[k] = float64(v)
	}
	for j := range r.Channels {
		ch := &r.Channels[j]
		ch.Stretch, ch.Bounded = as[j].stretch, as[j].bounded
	}
	switch a := r.Alarms; {
	case a.Rate == 0 && r.Used < longRows:
		r.warn("the rate of false alarms is unknown: estimating it takes %d rows, %d were learnt", longRows, r.Used)
	case a.Rate == 0:
		r.warn("the rate of false alarms is unknown: the time between rows is not known")
	case a.Beyond > beyondMost:
		r.warn("a rate of %.3g false alarms in 30 days needs a longer learning phase: the threshold is set for one in %d learning times, the lowest possible rate", a.Wanted, beyondMost)
	case a.Beyond > 1:
		r.warn("the rate of one false alarm in %.3g learning times is extrapolated: it holds while the machine behaves as in the learning rows", a.Beyond)
	}
	if 100*r.Above > r.Scored {
		r.warn("%d of %d learning rows score above the threshold", r.Above, r.Scored)
	}
}

// warn adds a warning.
func (r *Report) warn(format string, args ...any) {
	r.Warnings = append(r.Warnings, fmt.Sprintf(format, args...))
}

// training returns what a model file keeps of the report.
func (r *Report) training() model.Training {
	return model.Training{Rows: r.Rows, Used: r.Used, Windows: r.Windows, Seed: r.Seed, Epochs: r.Epochs,
		Loss: float32(r.Loss), Int8Gap: float32(r.Int8Gap), Period: r.Period, Horizon: r.Horizon,
		Idle: r.Idle, Empty: r.Empty, Start: r.Start, Alarms: r.Alarms, Warnings: r.Warnings,
		Arch: runtime.GOARCH, Go: runtime.Version()}
}

// String prints the report for a person, several lines, the last one ended.
func (r Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "learnt from %d of %d rows", r.Used, r.Rows)
	if r.Step > 0 {
		fmt.Fprintf(&b, " (%s, one row each %s)", span((time.Duration(r.Used) * r.Step).Round(time.Second)), span(r.Step))
	}
	fmt.Fprintf(&b, " in %s\n", r.Took.Round(10*time.Millisecond))
	if r.Idle > 0 {
		fmt.Fprintf(&b, "  left out    %s outside run_when\n", countRows(r.Idle))
	}
	if r.Empty > 0 {
		fmt.Fprintf(&b, "  left out    %s without any value\n", countRows(r.Empty))
	}
	if r.Period > 0 {
		fmt.Fprintf(&b, "  cycle       %d rows\n", r.Period)
	} else {
		fmt.Fprintf(&b, "  cycle       none found\n")
	}
	fmt.Fprintf(&b, "  network     %s int8, %d windows of %d rows, %d epochs, seed %d\n",
		chain(r.Network), r.Windows, r.Window, r.Epochs, r.Seed)
	if q := r.Peers; q != nil {
		fmt.Fprintf(&b, "  peers       %d channels expected from %d features of the others, at %d operating points\n", q.Judged, q.Features, q.Points)
	}
	fmt.Fprintf(&b, "  error       %.4f (mean squared), int8 differs from float32 by %.4f\n", r.Loss, r.Int8Gap)
	fmt.Fprintf(&b, "  threshold   %s; %d of %d learning rows above\n", r.Threshold(), r.Above, r.Scored)
	if a := r.Alarms; a.Rate > 0 {
		fmt.Fprintf(&b, "  alarms      expected false alarms in 30 days of running time: %s (%s to %s), wanted: %.3g,\n              while the machine stays within what was learnt\n", rough(a.Rate), rough(a.Low), rough(a.High), a.Wanted)
	}
	fmt.Fprintf(&b, "  allows for  slow drift as in the learning rows over %s\n", r.horizon())
	r.channels(&b)
	for _, d := range r.Warnings {
		fmt.Fprintf(&b, "  warning: %s\n", d)
	}
	return b.String()
}

// countRows writes n with its noun.
func countRows(n int) string {
	if n == 1 {
		return "1 row"
	}
	return fmt.Sprintf("%d rows", n)
}

// horizon writes the time for which slow drift is allowed.
func (r Report) horizon() string {
	if r.Step == 0 {
		return countRows(r.Horizon)
	}
	return span((time.Duration(r.Horizon) * r.Step).Round(time.Second))
}

// Threshold describes the limits of the terms for a person.
func (r *Report) Threshold() string {
	text := fmt.Sprintf("relation %.3f, level %.3f, combination %.3f", r.Limits[model.Relation], r.Limits[model.Level], r.Limits[model.Jump])
	if q := r.Peers; q != nil {
		text += fmt.Sprintf(", stray %.3f, slow %.3f", q.Stray, q.Slow)
	}
	return text
}

// chain writes the widths of a network: 64-32-4-32-64.
func chain(widths []int) string {
	return strings.ReplaceAll(strings.Trim(fmt.Sprint(widths), "[]"), " ", "-")
}

// rough writes two significant digits, or all digits before the point: 0.31, 2.4, 120.
func rough(v float64) string {
	if v >= 100 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.2g", v)
}

// channels writes the table of channels.
func (r Report) channels(b *strings.Builder) {
	width := len("channel")
	for _, c := range r.Channels {
		width = max(width, len(c.Name))
	}
	fmt.Fprintf(b, "  %-*s  %10s  %10s  %10s  %-8s  %s\n", width, "channel", "low", "median", "high", "unit", "room for slow drift")
	for _, c := range r.Channels {
		drift := fmt.Sprintf("x %.1f", c.Stretch)
		if c.Bounded {
			drift += ", bounded by its range"
		}
		fmt.Fprintf(b, "  %-*s  %10.4g  %10.4g  %10.4g  %-8s  %s\n", width, c.Name, c.Low, c.Median, c.High, c.Unit, drift)
	}
}

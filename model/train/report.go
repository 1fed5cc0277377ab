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

// Report tells a person what was learnt, and what there is to doubt.
type Report struct {
	Rows   int           `json:"rows"`    // offered
	Step   time.Duration `json:"step_ns"` // from one row to the next; 0 = unknown
	Used   int           `json:"used"`    // learnt
	Idle   int           `json:"idle"`    // left out: outside run_when, or settling
	Empty  int           `json:"empty"`   // left out: no value in any channel
	Scored int           `json:"scored"`  // learning rows that got a score
	Above  int           `json:"above"`   // of these, above the threshold

	Period   int                  `json:"period"`  // of the cycle, rows; 0 = none found
	Window   int                  `json:"window"`  // rows
	Mean     int                  `json:"mean"`    // rows
	Smooth   int                  `json:"smooth"`  // rows
	Horizon  int                  `json:"horizon"` // rows
	Windows  int                  `json:"windows"` // the network was trained on
	Network  []int                `json:"network"` // widths
	Cross    []int                `json:"peers"`   // widths of the network that expects each channel from the others; empty = too few rows
	Epochs   int                  `json:"epochs"`
	Seed     uint64               `json:"seed"`
	Loss     float64              `json:"loss"`     // mean squared, last epoch, with noise
	Int8Gap  float64              `json:"int8_gap"` // RMS of int8 - float32 outputs, in units of u
	Limits   [model.Terms]float64 `json:"limits"`
	Alarms   model.Alarms         `json:"false_alarms"`
	Start    int                  `json:"start"` // leading rows the machine never came back to: learnt, but not in the limits
	Channels []ChannelReport      `json:"channels"`
	Warnings []string             `json:"doubts"` // sentences
	Took     time.Duration        `json:"took_ns"`
}

// ChannelReport tells what was learnt of one channel.
type ChannelReport struct {
	Name    string  `json:"name"`
	Unit    string  `json:"unit"`
	Missing int     `json:"missing"` // running rows without a value
	Median  float64 `json:"median"`  // physical units
	Low     float64 `json:"low"`     // 0.1 % of the values lie below
	High    float64 `json:"high"`    // 99.9 % of the values lie below
	SD      float64 `json:"sd"`      // physical units
	Stretch float64 `json:"stretch"` // how much the drift allowance widens its scale, 1 = not
	Bounded bool    `json:"bounded"` // the allowance is bounded by the range the channel was seen in
}

// begin fills what is known before learning.
func (r *Report) begin(t *table, o Options) {
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
			r.doubt("%s had no value at all: it is not watched until the machine is learnt anew", ch.Name)
			continue
		}
		v := t.column(j)
		_, sd := spreadOf(v)
		slices.Sort(v)
		r.Channels = append(r.Channels, ChannelReport{Name: ch.Name, Unit: ch.Unit, Missing: r.Rows - r.Idle - len(v),
			Median: quantile(v, 0.5), Low: quantile(v, 0.001), High: quantile(v, 0.999), SD: sd})
		if v[0] == v[len(v)-1] {
			r.doubt("%s never moved: it will count as soon as it does", ch.Name)
		} else if sd < leastSpread {
			r.doubt("%s varies by %.2g only: below %g changes are not seen, give it a smaller unit", ch.Name, sd, leastSpread)
		}
		if m := r.Rows - r.Idle - len(v); 10*m > r.Rows-r.Idle {
			r.doubt("%s is missing in %d of %d rows", ch.Name, m, r.Rows-r.Idle)
		}
		for k := range j {
			if t.same(j, k) {
				r.doubt("%s and %s always have the same value", t.schema.Channels[k].Name, ch.Name)
			}
		}
	}
	r.shorten()
	if t.used < 400 {
		r.doubt("only %d rows: a few hundred more make the threshold trustworthy", t.used)
	}
	if r.Empty > 0 {
		what := "rows hold"
		if r.Empty == 1 {
			what = "row holds"
		}
		r.doubt("%d %s no value at all: the recording has gaps", r.Empty, what)
	}
	r.doubtSpan(t, o.Coverage)
}

// mostDoubts is how many sentences about channels one reason may fill a model
// file and a page with.
const mostDoubts = 50

// shorten keeps the first of many doubts.
func (r *Report) shorten() {
	if n := len(r.Warnings) - mostDoubts; n > 0 {
		r.Warnings = r.Warnings[:mostDoubts]
		r.doubt("%d more doubts about channels", n)
	}
}

// doubtShift tells of channels that ended, or began, where they were at no other
// time, or changed for good in between. from is the first row that sets limits,
// steps are counted from there.
func (r *Report) doubtShift(schema model.Schema, from int, ended []int, steps map[int]int) {
	if r.Start = from; from > 0 {
		r.doubt("the first %d rows lie where the machine never came back to: the limits are set without them", from)
	}
	for _, j := range ended {
		r.doubt("%s ended where it had not been before: a shift, or a machine that was not warm yet", schema.Channels[j].Name)
	}
	for j, ch := range schema.Channels {
		if at, ok := steps[j]; ok && !slices.Contains(ended, j) {
			r.doubt("%s changed its level near row %d and stayed there: both levels count as normal", ch.Name, from+at)
		}
	}
	r.shorten()
}

// same tells whether two channels are equal in every running row, and move.
func (t *table) same(j, k int) bool {
	moved, first := false, math.NaN()
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
		moved = moved || a != first
	}
	return moved
}

// end fills what calibration settled.
func (r *Report) end(p *model.Parameters, ws []wander) {
	for k, v := range p.Limits {
		r.Limits[k] = float64(v)
	}
	if p.Cross != nil {
		r.Cross = []int{len(ws)}
		for _, l := range p.Cross.Layers {
			r.Cross = append(r.Cross, l.Out)
		}
	}
	for j := range r.Channels {
		ch := &r.Channels[j]
		ch.Stretch, ch.Bounded = ws[j].stretch, ws[j].bounded
	}
	switch a := r.Alarms; {
	case a.Rate == 0 && r.Used < longRows:
		r.doubt("the rate of false alarms is unknown: it takes %d rows, %d were learnt", longRows, r.Used)
	case a.Rate == 0:
		r.doubt("the rate of false alarms is unknown: the time between rows is")
	case a.Beyond > beyondMost:
		r.doubt("a rate of %.3g false alarms in 30 days takes longer learning: one in %d learning times is the rarest that can be set", a.Wanted, beyondMost)
	case a.Beyond > 1:
		r.doubt("one false alarm in %.3g times what was learnt is an extrapolation: it holds while the machine does what it did", a.Beyond)
	}
	if 100*r.Above > r.Scored {
		r.doubt("%d of %d learning rows score above the threshold", r.Above, r.Scored)
	}
}

func (r *Report) doubt(format string, args ...any) {
	r.Warnings = append(r.Warnings, fmt.Sprintf(format, args...))
}

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
	if len(r.Cross) > 0 {
		fmt.Fprintf(&b, "  peers       %s int8, each channel from the others\n", chain(r.Cross))
	}
	fmt.Fprintf(&b, "  error       %.4f (mean squared), int8 differs from float32 by %.4f\n", r.Loss, r.Int8Gap)
	fmt.Fprintf(&b, "  threshold   %s; %d of %d learning rows above\n", r.Threshold(), r.Above, r.Scored)
	if a := r.Alarms; a.Rate > 0 {
		fmt.Fprintf(&b, "  alarms      false ones to be expected in 30 days of running time: %s (%s to %s), wanted: %.3g,\n              while the machine stays within what was learnt\n", rough(a.Rate), rough(a.Low), rough(a.High), a.Wanted)
	}
	fmt.Fprintf(&b, "  allows for  slow movement like that of the learning rows over %s\n", r.horizon())
	r.channels(&b)
	for _, d := range r.Warnings {
		fmt.Fprintf(&b, "  doubt: %s\n", d)
	}
	return b.String()
}

// countRows is n with its noun.
func countRows(n int) string {
	if n == 1 {
		return "1 row"
	}
	return fmt.Sprintf("%d rows", n)
}

// horizon is the time that slow movement is allowed for.
func (r Report) horizon() string {
	if r.Step == 0 {
		return countRows(r.Horizon)
	}
	return span((time.Duration(r.Horizon) * r.Step).Round(time.Second))
}

// Threshold tells the limits of the terms, for a person.
func (r *Report) Threshold() string {
	text := fmt.Sprintf("relation %.3f, level %.3f, combination %.3f", r.Limits[0], r.Limits[1], r.Limits[2])
	if len(r.Cross) > 0 {
		text += fmt.Sprintf(", peers %.3f", r.Limits[model.Cross])
	}
	return text
}

// chain writes the widths of a network.
func chain(widths []int) string {
	return strings.ReplaceAll(strings.Trim(fmt.Sprint(widths), "[]"), " ", "-")
}

// rough writes two digits, and all of a large number: 0.31, 2.4, 120.
func rough(v float64) string {
	if v >= 100 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.2g", v)
}

func (r Report) channels(b *strings.Builder) {
	width := len("channel")
	for _, c := range r.Channels {
		width = max(width, len(c.Name))
	}
	fmt.Fprintf(b, "  %-*s  %10s  %10s  %10s  %-8s  %s\n", width, "channel", "low", "median", "high", "unit", "room for slow movement")
	for _, c := range r.Channels {
		drift := fmt.Sprintf("x %.1f", c.Stretch)
		if c.Bounded {
			drift += ", all that its range gives"
		}
		fmt.Fprintf(b, "  %-*s  %10.4g  %10.4g  %10.4g  %-8s  %s\n", width, c.Name, c.Low, c.Median, c.High, c.Unit, drift)
	}
}

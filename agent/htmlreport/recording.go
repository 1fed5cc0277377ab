package htmlreport

import (
	"math"
	"time"

	"iot-edge-anomaly/agent/chart"
	"iot-edge-anomaly/agent/detect"
	"iot-edge-anomaly/model"
)

// State tells how a row was judged.
type State int

// The states of a row.
const (
	Scored  State = iota
	Filling       // the machine ran, but the window of the score was not full yet
	Idle          // outside run_when
	Blind         // too many values were missing
)

// Row is one row of a recording and how it was judged. Push does not keep its
// slices.
type Row struct {
	Time     time.Time
	Values   []float64 // (C) NaN = missing
	State    State
	Score    float64   // 1 = threshold; NaN = none
	Expected []float64 // (C) NaN = unknown; nil = none
	Shares   []float32 // (C) nil = none
}

const (
	mostColumns = 1600
	leastColumn = 200
	mostCells   = 200_000 // columns times channels: some 10 MB
	mostEvents  = 200     // listed
)

// Recording gathers what a page shows about a recording. Its memory does not grow
// with the number of rows. Use NewRecording; a Recording is not safe for concurrent
// use.
type Recording struct {
	schema    model.Schema
	parts     *model.Parameters
	low, high []float64 // (C) learnt range
	cols      *chart.Columns
	ranges    []float64 // (2C+1) scratch: values, expected, score
	sums      []float64 // (2C+4) scratch: parts of the score, missing, then states

	first, last time.Time
	rows        [Blind + 1]int
	above       int
	missing     []int     // (C) running rows without a value
	outside     []int     // (C) rows outside what was learnt
	alarming    []float64 // (C) shares, added up over rows above the threshold
	all         []float64 // (C) shares, added up over all rows
	peak        float64
	peakAt      time.Time
	scores      histogram

	near    *near
	events  []*event
	more    int // events not listed
	current int // of events, whose close-up takes rows; -1 = none
}

// event is one event of the recording.
type event struct {
	open, last detect.Event
	from, to   time.Duration // as drawn
	closed     bool
	near       *closeup       // nil = none, or not among the highest
	causes     []detect.Cause // of the whole event, largest share first
}

// NewRecording returns an empty Recording for the channels of the model p. It uses
// what was learnt and how, not the network, and only reads p's slices.
func NewRecording(p *model.Parameters) *Recording {
	c := len(p.Schema.Channels)
	r := &Recording{schema: p.Schema, parts: p, peak: math.NaN(), near: newNear(c), current: -1,
		cols:   chart.New(p.Schema.Period, min(max(mostCells/c, leastColumn), mostColumns), 2*c+1, 2*c+4),
		ranges: make([]float64, 2*c+1), sums: make([]float64, 2*c+4),
		missing: make([]int, c), outside: make([]int, c), alarming: make([]float64, c), all: make([]float64, c)}
	r.low, r.high = p.Drift[:c], p.Drift[len(p.Drift)-c:]
	return r
}

// The tracks of a Recording's columns.
func (r *Recording) expected(j int) int    { return len(r.all) + j }
func (r *Recording) score() int            { return 2 * len(r.all) }
func (r *Recording) noValue(j int) int     { return len(r.all) + j }
func (r *Recording) state(s State) int     { return 2*len(r.all) + int(s) }
func (r *Recording) watched(j int) bool    { return r.parts.Spread[j] != model.Unlearnt }
func (r *Recording) channels() int         { return len(r.all) }
func (r *Recording) name(j int) string     { return r.schema.Channels[j].Name }
func (r *Recording) length() time.Duration { return r.last.Sub(r.first) }

// Push adds the next row. It ignores a row that does not have a value a channel.
func (r *Recording) Push(row Row) {
	c := r.channels()
	if len(row.Values) != c {
		return
	}
	clear(r.sums)
	for i := range r.ranges {
		r.ranges[i] = math.NaN()
	}
	for j, v := range row.Values {
		r.ranges[j] = v
		r.value(j, v, row.State)
	}
	copy(r.ranges[c:], row.Expected)
	r.sums[r.state(row.State)] = 1
	r.rows[row.State]++
	if s := row.Score; s == s {
		r.ranges[r.score()] = s
		r.scored(s, row)
	}
	if !row.Time.IsZero() {
		if r.first.IsZero() {
			r.first = row.Time
		}
		r.last = row.Time
	}
	r.cols.Push(row.Time, r.ranges, r.sums)
	r.near.add(row)
	r.follow(row)
}

// follow adds the row to the close-up of the event that is open or has just ended.
func (r *Recording) follow(row Row) {
	if r.current < 0 {
		return
	}
	e := r.events[r.current]
	r.pushCloseup(e.near, row)
	if e.near.left {
		if e.near.after--; e.near.after <= 0 {
			r.settle()
		}
	}
}

// settle ends the close-up that currently takes rows.
func (r *Recording) settle() {
	if r.current >= 0 {
		r.current = -1
		r.thinCloseups()
	}
}

// value counts whether a cell is missing or outside the learnt range.
func (r *Recording) value(j int, v float64, s State) {
	switch {
	case s == Idle:
	case math.IsNaN(v) || math.IsInf(v, 0):
		r.missing[j]++
		r.sums[r.noValue(j)] = 1
	case r.watched(j) && (v < r.low[j] || v > r.high[j]):
		r.outside[j]++
	}
}

// scored counts a score and each channel's part of it.
func (r *Recording) scored(s float64, row Row) {
	r.scores.add(s)
	for j, share := range row.Shares {
		r.all[j] += float64(share)
		if s > 1 {
			r.alarming[j] += float64(share)
		}
		r.sums[j] = float64(share) * min(s, 1e6)
	}
	if s > 1 {
		r.above++
	}
	if !(r.peak >= s) {
		r.peak, r.peakAt = s, row.Time
	}
}

// Event adds an event that the newest row caused: its opening, an update or its end.
func (r *Recording) Event(ev detect.Event) {
	at := r.cols.At()
	if ev.State == detect.Open {
		if len(r.events) == mostEvents {
			r.more++
			return
		}
		e := &event{open: ev, last: ev, from: max(0, at-ev.Time.Sub(ev.Since)), to: at, causes: ev.Causes}
		if ev.Kind == detect.ProcessAnomaly {
			r.settle()
			e.near, r.current = r.openCloseup(ev), len(r.events)
		}
		r.events = append(r.events, e)
		return
	}
	for i := len(r.events) - 1; i >= 0; i-- {
		e := r.events[i]
		if e.closed || e.open.Kind != ev.Kind || e.open.Key != ev.Key {
			continue
		}
		e.last, e.to = ev, at
		if e.closed = ev.State == detect.Close; e.closed {
			e.to = max(e.from, at-max(0, ev.Time.Sub(ev.Until)))
		}
		if k := e.near; k != nil && e.closed {
			k.left, k.to = true, max(k.from, k.cols.At()-max(0, ev.Time.Sub(ev.Until)))
			e.causes = r.causes(k)
		}
		return
	}
}

// histogram counts scores in steps of 1/50 of a decade.
type histogram struct {
	n      int
	counts [histDecades*histSteps + 1]int
}

const (
	histLow     = 1e-3
	histDecades = 7
	histSteps   = 50
)

func (h *histogram) add(v float64) {
	i := int((math.Log10(max(v, histLow)) - math.Log10(histLow)) * histSteps)
	h.counts[min(max(i, 0), len(h.counts)-1)]++
	h.n++
}

// above returns pairs of a score and the share of scores that reach it, in rising
// order of the score.
func (h *histogram) above() (out [][2]float64) {
	left := h.n
	for i, n := range h.counts {
		if n > 0 {
			out = append(out, [2]float64{histLow * math.Pow(10, float64(i)/histSteps), float64(left) / float64(h.n)})
		}
		left -= n
	}
	return out
}

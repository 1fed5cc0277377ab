package main

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"iot-edge-anomaly/model"
)

// series holds the rows of one file that are judged.
type series struct {
	at    []float64 // seconds
	label []bool
	cp    []bool    // a change point; nil = the set has none
	score []float64 // -Inf = none
	flag  []bool

	normal float64 // seconds outside of events
}

// truth holds the labels of a file's rows.
type truth struct {
	anomalous, scored []bool
	points            []bool // change points; nil = the set has none
}

func truthOf(dir string, f file) (t truth, err error) {
	l, err := read(filepath.Join(dir, "labels", f.name))
	if err != nil {
		return t, err
	}
	if len(l.times) != len(f.times) {
		return t, fmt.Errorf("%s: labels of %d rows for %d", f.name, len(l.times), len(f.times))
	}
	column := func(name string) (out []bool) {
		at := slices.IndexFunc(l.schema.Channels, func(ch model.Channel) bool { return ch.Name == name })
		for i := at; at >= 0 && i < len(l.rows); i += len(l.schema.Channels) {
			out = append(out, l.rows[i] > 0.5)
		}
		return out
	}
	t = truth{column("label"), column("eval"), column("changepoint")}
	if t.anomalous == nil || t.scored == nil {
		return t, fmt.Errorf("%s: labels without label or eval", f.name)
	}
	return t, nil
}

// seriesOf combines a detector's output with the labels.
func seriesOf(dir string, f file, o output) (s series, err error) {
	t, err := truthOf(dir, f)
	if err != nil {
		return s, err
	}
	for i, text := range f.times {
		if !t.scored[i] {
			continue
		}
		at, err := seconds(text)
		if err != nil {
			return s, fmt.Errorf("%s: row %d: %w", f.name, i+1, err)
		}
		v := o.score[i]
		if math.IsNaN(v) {
			v = math.Inf(-1)
		}
		s.at, s.label, s.score, s.flag = append(s.at, at), append(s.label, t.anomalous[i]), append(s.score, v), append(s.flag, v > 1)
		if t.points != nil {
			s.cp = append(s.cp, t.points[i])
		}
	}
	s.normal = s.normalTime(0)
	return s, nil
}

// seconds reads a timestamp: a number, or ISO without a zone.
func seconds(text string) (float64, error) {
	if v, err := strconv.ParseFloat(text, 64); err == nil {
		return v, nil
	}
	t, err := time.Parse("2006-01-02 15:04:05", strings.Replace(text, "T", " ", 1))
	return float64(t.Unix()), err
}

// normalTime returns the seconds outside of events; a gap counts as ten rows. Labels
// closer than merge seconds are one event.
func (s series) normalTime(merge float64) (sum float64) {
	steps := make([]float64, 0, len(s.at))
	for i := 1; i < len(s.at); i++ {
		if d := s.at[i] - s.at[i-1]; d > 0 {
			steps = append(steps, d)
		}
	}
	period := 1.0
	if len(steps) > 0 {
		period = rank(steps, 0.5)
	}
	events := s.spans(s.label, merge)
	for i, at := range s.at {
		step := period
		if i+1 < len(s.at) {
			step = s.at[i+1] - at
		}
		for len(events) > 0 && events[0].to < at {
			events = events[1:]
		}
		if len(events) == 0 || at < events[0].from {
			sum += min(step, 10*period)
		}
	}
	return sum
}

// span is an interval of time, or of rows, both ends included.
type span struct{ from, to float64 }

// spans returns the runs of true. Runs closer than merge seconds become one.
func (s series) spans(of []bool, merge float64) (out []span) {
	for i := 0; i < len(of); i++ {
		if !of[i] {
			continue
		}
		from := i
		for i+1 < len(of) && of[i+1] {
			i++
		}
		if k := len(out) - 1; k >= 0 && s.at[from]-out[k].to <= merge {
			out[k].to = s.at[i]
			continue
		}
		out = append(out, span{s.at[from], s.at[i]})
	}
	return out
}

// tally counts events and alarms.
type tally struct {
	events, found, alarms, wrong int
	fresh                        int // events inside which an alarm began
	delays                       []float64
	normal                       float64 // seconds outside of events
	merged                       float64 // labels closer than so many seconds are one event
}

// perDay returns the false alarms in a day of normal time.
func (t tally) perDay() float64 { return float64(t.wrong) / (t.normal / 86400) }

// count adds the events of s and its alarms. An event is found if a flagged row lies
// in it. An alarm is false if none of its flagged rows lies in an event. Flagged rows
// closer than merge seconds are one alarm.
func (t *tally) count(s series, flag []bool, merge float64) {
	events, alarms := s.spans(s.label, t.merged), s.spans(flag, merge)
	right := make([]bool, len(alarms))
	for _, e := range events {
		first := math.Inf(1)
		k := 0
		from, _ := slices.BinarySearch(s.at, e.from)
		for i := from; i < len(s.at) && s.at[i] <= e.to; i++ {
			if !flag[i] {
				continue
			}
			first = min(first, s.at[i])
			for alarms[k].to < s.at[i] {
				k++
			}
			right[k] = true
		}
		t.events++
		if !math.IsInf(first, 1) {
			t.found++
			t.delays = append(t.delays, first-e.from)
		}
		if slices.ContainsFunc(alarms, func(a span) bool { return a.from >= e.from && a.from <= e.to }) {
			t.fresh++
		}
	}
	t.alarms += len(alarms)
	for _, ok := range right {
		if !ok {
			t.wrong++
		}
	}
	t.normal += s.normal
}

package main

import "math"

// outcome is what a protocol counted of one detector and one seed.
type outcome struct {
	auc     float64 // NaN = no row is labelled
	flagged float64 // percentage of normal rows above 1
	open    float64 // percentage of normal rows during which an alarm was open
	events  int     // labelled
	found   int     // of these, an alarm was open during them
	fresh   int     // of these, an alarm opened inside them
	right   int     // of these, the first cause of that alarm is the channel of the fault
	wrong   int     // alarms that touch no event
	months  float64 // of normal rows, of 30 days
	late    float64 // hours to the first row of an alarm, median of the events found; NaN = none found
	low     float64 // false alarms a month that the report states, from low to high; 0 = unknown
	high    float64
}

// perMonth is the number of false alarms in 30 days of normal rows.
func (o outcome) perMonth() float64 { return float64(o.wrong) / o.months }

// judged are the scored rows of r; flag is whether an alarm is open.
func (r *recording) judged(w watching) (s series) {
	open := make([]bool, len(r.at))
	for _, a := range w.alarms {
		for i, at := range r.at {
			open[i] = open[i] || at >= a.from && at < a.to
		}
	}
	for i, at := range r.at {
		if !r.truth.scored[i] {
			continue
		}
		v := w.score[i]
		if math.IsNaN(v) {
			v = math.Inf(-1)
		}
		s.at, s.label, s.score, s.flag = append(s.at, at), append(s.label, r.truth.anomalous[i]), append(s.score, v), append(s.flag, open[i])
	}
	return s
}

// count compares what was watched with the labels.
func (r *recording) count(w watching, p *protocol) (o outcome) {
	s := r.judged(w)
	normal, above, open := 0, 0, 0
	for i, anomalous := range s.label {
		if anomalous {
			continue
		}
		normal++
		if s.score[i] > 1 {
			above++
		}
		if s.flag[i] {
			open++
		}
	}
	o.flagged, o.open = 100*float64(above)/float64(max(normal, 1)), 100*float64(open)/float64(max(normal, 1))
	var t tally
	t.merged = p.mergeLabel
	s.normal = s.normalTime(t.merged)
	t.count(s, s.flag, p.mergeAlarm)
	o.events, o.found, o.fresh, o.wrong, o.months = t.events, t.found, t.fresh, t.wrong, t.normal/(30*86400)
	o.auc, o.late = math.NaN(), math.NaN()
	if t.events > 0 {
		all := pool{s.score, s.label}
		o.auc = all.aucPR()
	}
	if len(t.delays) > 0 {
		o.late = rank(t.delays, 0.5) / 3600
	}
	for _, f := range r.faults {
		if r.blames(w, f) {
			o.right++
		}
	}
	if rep := w.report; rep != nil {
		o.low, o.high = rep.Alarms.Low, rep.Alarms.High
	}
	return o
}

// blames tells whether the first alarm that opened inside the fault names its channel.
func (r *recording) blames(w watching, f fault) bool {
	for _, a := range w.alarms {
		if a.from >= f.from && a.from <= f.to {
			return a.cause == f.channel
		}
	}
	return false
}

package detect

import (
	"fmt"
	"math"
	"slices"
	"time"

	"iot-edge-anomaly/model"
)

// Detector turns the scores of one machine into process anomalies. It is made
// by New and is not safe for concurrent use.
type Detector struct {
	o          Policy
	clock      stepper
	history    history
	episode    episode
	last       Event         // what was announced last; Open while it is no Close
	score      float64       // newest
	term       int           // largest term of the newest score of at least CloseBelow; -1 = unknown
	flickers   bool          // where that is the sensors' term: values flicker, they do not hang
	values     []float64     // (C) newest row
	expected   []float64     // (C)
	calm       bool          // the newest rows are quiet
	calmFor    time.Duration // for how long
	calmAt     time.Time     // since when
	told       time.Duration // since the last announcement
	pause      time.Duration // until the next one, if nothing new happens
	elapsed    time.Duration // since the first row
	cools      cooldowns
	repeats    repeats
	began      time.Duration // when the open event was announced first
	hold       time.Duration // for how long the open event must be quiet to close
	resting    bool          // the open event was quiet for Hold and stays open until it was quiet for hold
	again      []float64     // (C) scratch of rest
	restReason string        // why the resting event will close
	shelf      *Shelf
	shelved    bool // the episode did not open because of it
}

// New makes a Detector; an error names every fault of the policy.
func New(o Policy) (*Detector, error) {
	if err := o.check(); err != nil {
		return nil, fmt.Errorf("alarm policy of machine %q: %w", o.Machine, err)
	}
	o.Channels, o.Mute = slices.Clone(o.Channels), slices.Clone(o.Mute)
	c := len(o.Channels)
	d := &Detector{o: o, history: newHistory(o.M, c), score: math.NaN(), term: -1, cools: newCooldowns(o.Channels),
		repeats: newRepeats(o.Repeats, c), again: make([]float64, c),
		values: make([]float64, c), expected: make([]float64, c)}
	d.episode.sum = make([]float64, c)
	d.setRow(model.Score{})
	return d, nil
}

// Push takes the score of the row at t. It reports an event if one opened,
// changed or closed, and allocates only then. A NaN score is a Gap.
func (d *Detector) Push(t time.Time, s model.Score) (Event, bool) {
	score := float64(s.Value)
	if math.IsNaN(score) {
		d.Gap(t)
		return Event{}, false
	}
	d.pass(t)
	d.score = score
	d.setRow(s)
	if score >= d.o.CloseBelow {
		d.term, d.flickers = foremost(s.Terms), s.Flickers
	}
	parts := d.history.push(past{at: t, score: score, loud: score > 1})
	fillParts(parts, s, score, d.o.CloseBelow)
	switch {
	case d.resting:
		return d.rest(t)
	case d.episode.on:
		d.episode.add(score, parts)
	case d.history.loud >= d.o.N:
		d.episode.begin(&d.history)
	default:
		return Event{}, false
	}
	if score >= d.o.CloseBelow {
		d.calm = false
	} else if d.quiet(t) {
		return d.settle(t, ReasonNormal)
	}
	return d.announce(t)
}

// Idle takes the time of a row at which the machine does not run. Idle rows are
// quiet: after the hold time an open event closes with ReasonStopped.
func (d *Detector) Idle(t time.Time) (Event, bool) {
	d.pass(t)
	d.history.clear()
	switch {
	case d.resting:
		return d.over(t)
	case d.episode.on && d.quiet(t):
		return d.settle(t, ReasonStopped)
	}
	return Event{}, false
}

// Gap takes the time of a row that has no score although the machine may be
// running: the machine is blind, or the window is filling. An open event stays
// open.
func (d *Detector) Gap(t time.Time) {
	d.pass(t)
	d.history.clear()
	d.calm, d.calmFor = d.resting, 0
}

// Resume continues an event that was open when an earlier run ended. It reports
// false, and does nothing, if ev is not an open process anomaly of this machine
// or if another one is open.
func (d *Detector) Resume(ev Event) bool {
	if ev.Machine != d.o.Machine || ev.Kind != ProcessAnomaly || ev.State == Close || d.episode.announced {
		return false
	}
	ev.State = Update
	d.episode.resume(ev, d.o.Channels)
	d.last, d.score, d.term, d.calm, d.told, d.pause = ev, ev.Score, -1, false, 0, d.o.Update
	d.began, d.hold, d.resting = d.elapsed, d.o.Hold, false
	return true
}

// Open is the open event as it was last announced. It allocates nothing.
func (d *Detector) Open() (Event, bool) {
	if !d.episode.announced {
		return Event{}, false
	}
	return d.last, true
}

// The answers of Silent: whole sentences, so that no row needs to build a string.
const (
	SilentMuted   = "an anomaly is under way and not told: mute window"
	SilentShelved = "an anomaly is under way and not told: muted"
	SilentResting = "an anomaly is under way and not told: cooldown"
)

// Silent tells why an anomaly that is under way has not been announced; t is the
// time of the newest row. It is "" if there is none or nothing silences it.
func (d *Detector) Silent(t time.Time) string {
	switch {
	case !d.episode.on || d.episode.announced:
		return ""
	case d.shelf.on():
		return SilentShelved
	case muted(d.o.Mute, d.o.Location, t):
		return SilentMuted
	case d.cools.rests(d.episode.sum, d.o.severity(d.episode.peak), d.elapsed):
		return SilentResting
	}
	return ""
}

// Close ends the open event by decision, for example because it became drift. It
// reports false if none is open. A silent episode is forgotten.
func (d *Detector) Close(t time.Time, reason string) (Event, bool) {
	d.pass(t)
	if !d.resting {
		d.calmAt = t
	}
	return d.end(t, reason)
}

// Drop forgets the episode, and with it the open event, without telling.
func (d *Detector) Drop() {
	d.history.clear()
	d.episode.on, d.episode.announced, d.calm, d.resting, d.shelved = false, false, false, false, false
	d.last = Event{} // its severity is not that of the next event
}

// pass lets the time up to t go by.
func (d *Detector) pass(t time.Time) {
	step := d.clock.step(t)
	d.told, d.elapsed = grow(d.told, step), grow(d.elapsed, step)
	d.episode.grow(step)
	if d.calm {
		d.calmFor = grow(d.calmFor, step)
	}
}

// quiet notes a quiet row and tells whether they lasted for the hold time.
func (d *Detector) quiet(t time.Time) bool {
	if !d.calm {
		d.calm, d.calmFor, d.calmAt = true, 0, t
	}
	return d.calmFor >= d.o.Hold
}

// settle ends an episode that was quiet for the hold time, or lets it rest if the
// event comes and goes.
func (d *Detector) settle(t time.Time, reason string) (Event, bool) {
	if d.episode.announced && d.calmFor < d.hold {
		d.history.clear()
		d.resting, d.restReason = true, reason
		return Event{}, false
	}
	return d.end(t, reason)
}

// announce returns the step that is due in the episode under way: its opening, a
// higher severity, another top cause, or an update because it lasts.
func (d *Detector) announce(t time.Time) (Event, bool) {
	severity := d.o.severity(d.episode.peak)
	state := Update
	switch {
	case !d.episode.announced:
		if d.history.loud < d.o.N || d.cools.rests(d.episode.sum, severity, d.elapsed) || d.silent(t) {
			return Event{}, false
		}
		state, d.pause = Open, d.o.Update
		d.began, d.hold = d.elapsed, max(d.o.Hold, d.repeats.hold(d.episode.sum, d.elapsed))
	case d.shelf.on():
		return Event{}, false
	case severity.Rank() > d.last.Severity.Rank():
		d.pause = d.o.Update
	case d.o.Update == 0 || d.told < d.o.Update:
		return Event{}, false
	case d.turned():
		d.pause = d.o.Update
	case d.told < d.pause:
		return Event{}, false
	default:
		d.pause = min(grow(d.pause, d.pause), max(updateMost, d.o.Update))
	}
	d.episode.announced, d.shelved = true, false
	d.last = d.event(t, state)
	d.told = 0
	return d.last, true
}

// updateMost bounds the time between two updates of an event that only lasts.
const updateMost = time.Hour

// turned tells whether the top cause is now at another sensor than announced last.
func (d *Detector) turned() bool {
	top := d.cools.top(d.episode.sum)
	if top < 0 || len(d.last.Causes) == 0 {
		return false
	}
	for i := range d.o.Channels {
		if d.o.Channels[i].Name == d.last.Causes[0].Channel {
			return d.cools.sensor[i] != top
		}
	}
	return true
}

// end closes the episode; the scores before it cannot open another one.
func (d *Detector) end(t time.Time, reason string) (Event, bool) {
	d.history.clear()
	return d.close(t, reason)
}

// close ends the episode.
func (d *Detector) close(t time.Time, reason string) (Event, bool) {
	announced, ended := d.episode.announced, d.elapsed
	if d.calm {
		ended -= d.calmFor
	}
	d.episode.on, d.episode.announced, d.calm, d.resting, d.shelved = false, false, false, false, false
	if !announced {
		return Event{}, false
	}
	d.last = d.event(t, Close)
	d.repeats.note(d.episode.sum, d.began, ended)
	d.cools.begin(d.episode.sum, d.last.Severity, grow(d.elapsed, d.o.Cooldown))
	d.term = -1
	d.last.Until, d.last.Reason = notBefore(d.calmAt, d.last.Since), reason
	return d.last, true
}

func (d *Detector) event(t time.Time, state State) Event {
	severity := d.o.severity(d.episode.peak)
	if d.last.State != Close && d.last.Severity.Rank() > severity.Rank() {
		severity = d.last.Severity // of an event resumed under other bounds
	}
	peak := d.episode.peak
	if math.IsInf(peak, -1) {
		peak = math.NaN()
	}
	ev := Event{Machine: d.o.Machine, Kind: ProcessAnomaly, State: state, Time: t, Since: d.episode.since,
		Severity: severity, Score: d.score, Peak: peak,
		Causes: d.episode.causes(d.o.Causes, &d.o, d.values, d.expected), Reason: d.whyAgain()}
	if d.term == hang { // where a value that says nothing lies, says nothing
		for i := range ev.Causes {
			ev.Causes[i].Direction = ""
		}
	}
	for i, v := range d.values {
		if math.IsNaN(v) {
			ev.Missing = append(ev.Missing, d.o.Channels[i].Name)
		}
	}
	return ev
}

// setRow keeps the row: the scorer's slices are valid until its next Push.
func (d *Detector) setRow(s model.Score) {
	for i := range d.values {
		d.values[i], d.expected[i] = math.NaN(), math.NaN()
		if i < len(s.Values) {
			d.values[i] = s.Values[i]
		}
		if i < len(s.Expected) {
			d.expected[i] = s.Expected[i]
		}
	}
}

package judge

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"iot-edge-anomaly/agent/detect"
	"iot-edge-anomaly/model"
)

// State is a machine in one word, as in MQTT and /health. If several apply, it is the
// first of States.
type State string

// The states, most serious first.
const (
	Blind    State = "blind"    // it cannot be judged
	Anomaly  State = "anomaly"  // a process anomaly is open, or over but latched
	Limit    State = "limit"    // a limit is exceeded, or was and is latched
	Drifted  State = "drift"    // a drift event is open
	Learning State = "learning" // there is no model yet
	Idle     State = "idle"     // it does not run: neither learnt nor scored
	Normal   State = "normal"
)

// States are all states, most serious first.
func States() []State { return []State{Blind, Anomaly, Limit, Drifted, Learning, Idle, Normal} }

// Options are the policy by which a machine is judged.
type Options struct {
	Policy detect.Policy
	Limits []detect.Limit
}

// Judge judges the rows of one machine. Without a model it watches the limits
// alone. It is not safe for concurrent use.
type Judge struct {
	o       Options
	limits  *detect.Limits
	latch   *detect.Latch // nil = events close by themselves
	scoring *scoring      // nil = no model yet
	mapping *mapping      // of the rows to those of the model; nil = they are the same

	events []detect.Event     // of the newest row
	add    func(detect.Event) // appends to events; made once: a method value allocates
	emit   func(detect.Event) // the same, by way of the latch

	shelf detect.Shelf // while the machine is muted

	told map[string]bool // after Restore: the open events that Resume was told of
}

// New makes a Judge without a model. An error names every fault of the options.
func New(o Options) (*Judge, error) {
	limits, err := detect.NewLimits(o.Policy.Machine, o.Limits)
	if err != nil {
		return nil, fmt.Errorf("machine %s: %w", o.Policy.Machine, err)
	}
	j := &Judge{o: o, limits: limits, latch: detect.NewLatch(o.Policy)}
	j.add = func(ev detect.Event) { j.events = append(j.events, ev) }
	j.emit = func(ev detect.Event) { j.add(j.latch.Take(ev)) }
	return j, nil
}

// Use puts a model to work; limits and what is latched go on. What an earlier
// model had seen is forgotten: see Retire. Channels of the policy that the model does
// not know are not judged, and those that it alone knows are missing to it: whether
// it is usable that way is for the caller to know (model.Usable).
func (j *Judge) Use(m *model.Model) error {
	p, match := j.o.Policy, m.Match(j.o.Policy.Channels)
	p.Channels = slices.Clone(m.Schema().Channels)
	for k, i := range match.Index {
		if i >= 0 { // a model that was learnt without units has those of the configuration
			p.Channels[k].Unit = cmp.Or(j.o.Policy.Channels[i].Unit, p.Channels[k].Unit)
		}
	}
	s, err := newScoring(m, p)
	if err != nil {
		return fmt.Errorf("machine %s: %w", j.o.Policy.Machine, err)
	}
	j.scoring, j.mapping = s, newMapping(match, len(j.o.Policy.Channels))
	return nil
}

// Retire ends what the model in use has open at t, for another model takes its
// place. The slice is valid until the next row.
func (j *Judge) Retire(t time.Time) []detect.Event {
	j.events = j.events[:0]
	if s := j.scoring; s != nil {
		if ev, open := s.detector.Close(t, detect.ReasonRelearn); open {
			j.emit(j.mapping.event(ev))
		}
		if ev, open := s.drift.Close(t, detect.ReasonRelearn); open {
			j.emit(j.mapping.event(ev))
		}
	}
	return j.events
}

// Verdict is what a Judge makes of one row.
type Verdict struct {
	Score   model.Score // valid until the next row
	Scored  bool
	Seen    float32 // Score.Value as seen from the level that the machine has shifted to
	Percent float64 // of the scores of learning that stayed below Score.Value; 0 = unknown
	State   State
	Note    string // why, where the state does not say it
	Looked  bool   // what is known of drift is new

	// Events that this row opened, changed or closed, in their order; valid until
	// the next row.
	Events []detect.Event
}

// Push judges the row at t, NaN = missing. The same row once more, time and
// values, gets the same score and changes nothing there, unless times are too
// coarse to tell rows apart. It allocates nothing unless an event arises.
func (j *Judge) Push(t time.Time, row []float64) Verdict {
	j.events = j.events[:0]
	j.latch.Tick(t, j.add)
	j.limits.Push(t, row, j.emit)
	return j.score(t, row)
}

// Rescore judges a row by the model alone: its limits were judged when it came,
// before there was the model.
func (j *Judge) Rescore(t time.Time, row []float64) Verdict {
	j.events = j.events[:0]
	return j.score(t, row)
}

// Unlatch closes, at t, the events that are over and held open. The slice is
// valid until the next row.
func (j *Judge) Unlatch(t time.Time) []detect.Event {
	j.events = j.events[:0]
	j.latch.Release(t, j.add)
	return j.events
}

// Mute says whether somebody has muted the machine: see detect.Shelf. It is called
// before each row.
func (j *Judge) Mute(on bool) {
	j.shelf.On = on
	j.limits.Shelve(&j.shelf)
	if s := j.scoring; s != nil {
		s.detector.Shelve(&j.shelf)
		s.drift.Shelve(&j.shelf)
	}
}

// Silent is how many events did not open because the machine was muted, so far.
func (j *Judge) Silent() uint64 { return j.shelf.Silent }

// Ahead tells which rows Push will get next: see model.Scorer.Ahead.
func (j *Judge) Ahead(rows ...[]float64) {
	if j.scoring != nil && j.mapping == nil {
		j.scoring.scorer.Ahead(rows...)
	}
}

// OpenLimits is how many limit events are open.
func (j *Judge) OpenLimits() int { return j.limits.Open() }

func (j *Judge) score(t time.Time, row []float64) Verdict {
	s := j.scoring
	if s == nil {
		return Verdict{State: Blind, Note: "no model", Events: j.events}
	}
	r := s.push(t, j.mapping.in(row))
	if r.changed {
		j.emit(j.mapping.event(r.event))
	}
	if r.drifted {
		j.emit(j.mapping.event(r.drift))
	}
	v := r.Verdict
	v.Score = j.mapping.out(v.Score, row)
	v.State, v.Note = j.note(t, r)
	v.Events = j.events
	return v
}

// NoteQuiet is the Note while an event that comes and goes is held open over one of
// its pauses.
const NoteQuiet = "an anomaly that comes and goes is quiet at the moment"

// NoteShelved is the Note while a limit is exceeded and not told.
const NoteShelved = "a limit is exceeded and not told: muted"

// note is the state of the machine after a row, and why.
func (j *Judge) note(t time.Time, r result) (State, string) {
	s := j.scoring
	switch silent := s.detector.Silent(t); {
	case r.lost:
		return Blind, "the channel of run_when is missing: nobody knows whether the machine runs"
	case r.State == Blind:
		return Blind, "more than half of the channels are missing"
	case r.State == Normal && silent != "":
		return Normal, silent
	case r.State == Normal && j.latch.Holds():
		return Anomaly, "what happened is over, but latched"
	case r.State == Normal && j.limits.Silent() > 0:
		return Normal, NoteShelved
	case s.detector.Resting():
		return r.State, NoteQuiet
	case s.drift.Shifted():
		return r.State, "the level has shifted, see the drift event: only further changes are heard"
	}
	return r.State, ""
}

// Gravest is the state of a machine that is doing the given thing: that, or what it
// has open if that comes first in States.
func (j *Judge) Gravest(doing State) State {
	switch {
	case doing == Blind || doing == Anomaly:
		return doing
	case j.limits.Open() > j.limits.Silent() || j.latch.HoldsLimit():
		return Limit
	case j.scoring != nil && j.scoring.drift.Open():
		return Drifted
	}
	return doing
}

// Drift is what is known of a machine's drift.
type Drift struct {
	Score    float64              // the machine's, 0 to 1 and 0.7 the line; NaN = nothing can be said
	Relation float64              // of its scores, whatever each channel does; NaN = unknown
	Channels []model.ChannelDrift // (C); empty = there is no model
}

// DriftScore is Drift's Score after the newest row: a shifted level follows each row.
func (j *Judge) DriftScore() float64 {
	if j.scoring == nil {
		return math.NaN()
	}
	return j.scoring.drift.Score()
}

// Drift is what the newest look saw; the slice is valid until the next row.
func (j *Judge) Drift() Drift {
	if j.scoring == nil {
		return Drift{Score: math.NaN(), Relation: math.NaN()}
	}
	s := j.scoring.drift.State()
	return Drift{Score: j.DriftScore(), Relation: s.Relation, Channels: j.mapping.drifts(s.Channels)}
}

// Resume continues an event that was open when an earlier run ended; where a
// restored state has it open already, it goes on. It reports false where nothing
// here can ever close the event.
func (j *Judge) Resume(ev detect.Event) bool {
	if ev.Machine != j.o.Policy.Machine || ev.State == detect.Close {
		return false
	}
	s := j.scoring
	if !j.has(ev) && !j.latch.Resume(ev) && !j.limits.Resume(ev) && (s == nil || !s.drift.Resume(ev) && !s.detector.Resume(ev)) {
		return false
	}
	if j.told != nil {
		j.told[string(ev.Kind)+" "+ev.Key] = true
	}
	return true
}

// has tells whether the event is open here, or over and latched.
func (j *Judge) has(ev detect.Event) bool {
	if j.latch.Has(ev) {
		return true
	}
	switch s := j.scoring; {
	case ev.Kind == detect.LimitExceeded:
		return j.limits.Has(ev.Key)
	case s != nil && ev.Kind == detect.ProcessAnomaly:
		_, open := s.detector.Open()
		return open
	case s != nil && ev.Kind == detect.Drift:
		return s.drift.Open()
	}
	return false
}

// Settle drops, silently, the events that a restored state has open and that
// Resume was not told of: they were closed after the state had been saved. Call it
// once, after Restore and the calls of Resume.
func (j *Judge) Settle() {
	if j.told == nil {
		return
	}
	unknown := func(kind detect.Kind, key string) bool { return !j.told[string(kind)+" "+key] }
	j.latch.Drop(unknown)
	j.limits.Drop(func(channel string) bool { return unknown(detect.LimitExceeded, channel) })
	if s := j.scoring; s != nil {
		if unknown(detect.ProcessAnomaly, "") {
			s.detector.Drop()
		}
		if unknown(detect.Drift, "") {
			s.drift.Drop()
		}
	}
	j.told = nil
}

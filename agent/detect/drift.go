package detect

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"iot-edge-anomaly/model"
)

const (
	driftLooks = 11  // in sequence at or above the line to open: a third of the window
	driftClose = 0.5 // a look with a lower score is quiet
	driftCalm  = 4   // quiet looks to close
	driftTold  = 2   // channels that a reason describes
)

// Reasons of drift's closes, beside those of every event.
const (
	ReasonDrift   = "became drift"        // of a process anomaly whose level became the new one
	ReasonRelearn = "machine learnt anew" // of drift from what another model had learnt
)

// DriftWatch turns lasting changes of a machine into drift events; at most one is
// open. It never learns anew by itself. It is made by NewDriftWatch and is not safe
// for concurrent use.
//
// A change is drift when model.Drift has reported it for a third of its window, or
// when a process anomaly has stayed at one level for DriftAfter. Then the anomaly
// ends, and later scores are divided by that level: the machine is quiet there, and
// an alarm is raised when it changes again.
type DriftWatch struct {
	o      Policy
	model  *model.Drift
	clock  stepper
	shift  shift
	begins []time.Time   // of the blocks, newest first
	begin  time.Time     // of the block under way
	over   int           // looks in sequence at or above the line
	calm   int           // quiet looks in sequence
	calmAt time.Time     // of the first of them
	most   time.Duration // that one row counts
	blamed []bool        // (C) channels told of in the open event
	open   bool
	shelf  *Shelf
	// shelved: the Shelf keeps an event from opening.
	shelved bool
	last    Event   // what was announced last
	moved   []Cause // of the level shift that the open event began with
	peak    float64
}

// NewDriftWatch watches for drift from what m has learnt, by a valid policy.
func NewDriftWatch(m *model.Model, o Policy) *DriftWatch {
	w := &DriftWatch{o: o, model: model.NewDrift(m), shift: newShift(o.DriftAfter, o.CloseBelow), blamed: make([]bool, len(o.Channels))}
	if w.most = 2 * m.Schema().Period; w.most == 0 {
		w.most = w.shift.each
	}
	return w
}

// Seen returns score relative to the level that the machine has shifted to, so that
// 1 is the present threshold. Without a shifted level it is score itself.
func (w *DriftWatch) Seen(score float32) float32 {
	if w.shift.base == 1 {
		return score
	}
	return float32(float64(score) / w.shift.base)
}

// Shifted tells whether scores are judged from another level than the learnt one.
func (w *DriftWatch) Shifted() bool { return w.shift.base > 1 }

// Steady takes the newest score, with its value from Seen, and tells whether scores
// have been high and at one level for DriftAfter. A sensor that hangs is not a new
// level of the machine, however long it hangs.
func (w *DriftWatch) Steady(t time.Time, s model.Score) bool {
	step := min(w.clock.step(t), w.most) // a stop does not count
	w.shift.push(t, step, float64(s.Value), foremost(s.Terms) == hang)
	return w.shift.steady()
}

// Convert turns the process anomaly that is ending because it became steady into
// drift. It opens a drift event or updates the open one.
func (w *DriftWatch) Convert(t time.Time, end Event) Event {
	since := end.Since
	if at := w.shift.since(); !at.IsZero() && at.Before(since) {
		since = at
	}
	w.shift.accept()
	w.moved, w.calm = end.Causes, 0
	return w.announce(t, since, end.Missing)
}

// Push takes a row and its score from the Scorer. quiet tells that no process
// anomaly is open or silent: rows of an anomaly are no evidence of drift. It reports
// an event if one opened, changed or closed, and allocates only then. looked is true
// when State is new.
func (w *DriftWatch) Push(t time.Time, row []float64, score float32, quiet bool) (ev Event, changed, looked bool) {
	if !quiet {
		return Event{}, false, false
	}
	if w.begin.IsZero() {
		w.begin = t
	}
	if !w.model.Push(row, score) {
		return Event{}, false, false
	}
	if len(w.begins) == model.DriftBlocks {
		w.begins = w.begins[:model.DriftBlocks-1]
	}
	w.begins = append(w.begins, time.Time{})
	copy(w.begins[1:], w.begins)
	w.begins[0], w.begin = w.begin, time.Time{}
	ev, changed = w.judge(t, row)
	return ev, changed, true
}

// judge decides what a new drift state means for the event.
func (w *DriftWatch) judge(t time.Time, row []float64) (Event, bool) {
	score := w.Score()
	if score >= model.DriftLine {
		w.over++
	} else {
		w.over = 0
	}
	if score >= driftClose {
		w.calm = 0
	} else if w.calm++; w.calm == 1 {
		w.calmAt = t
	}
	switch {
	case w.open && w.calm >= driftCalm:
		return w.end(t, ReasonNormal), true
	case w.open && w.fresh() && !w.shelf.on() || !w.open && w.over >= driftLooks && !w.silent(t):
		return w.announce(t, w.since(), w.missing(row)), true
	}
	return Event{}, false
}

// State is the newest drift state. Its slices are valid until the next Push.
func (w *DriftWatch) State() model.DriftState { return w.model.State() }

// Score is the machine's drift from 0 to 1; at model.DriftLine it has drifted. NaN
// means unknown. A shifted level counts.
func (w *DriftWatch) Score() float64 {
	score := w.model.State().Score
	if base := w.shift.base; base > 1 {
		square := float64(base * base)
		if v := square / (square + 1/model.DriftLine - 1); !(score >= v) {
			score = v
		}
	}
	return score
}

// fresh tells whether a channel has drifted that the open event does not name yet.
func (w *DriftWatch) fresh() bool {
	for j, ch := range w.model.State().Channels {
		if ch.Score >= model.DriftLine && !w.blamed[j] {
			return true
		}
	}
	return false
}

// since is when the change behind the score began.
func (w *DriftWatch) since() time.Time {
	s := w.model.State()
	blocks, top := s.Rising, s.Relation
	for _, ch := range s.Channels {
		if ch.Score >= model.DriftLine && ch.Score > top {
			blocks, top = ch.Blocks, ch.Score
		}
	}
	blocks = min(blocks, len(w.begins))
	if blocks < 1 {
		return time.Time{}
	}
	return w.begins[blocks-1]
}

func (w *DriftWatch) missing(row []float64) (names []string) {
	for i, v := range row {
		if math.IsNaN(v) {
			names = append(names, w.o.Channels[i].Name)
		}
	}
	return names
}

// announce opens the event, or updates it.
func (w *DriftWatch) announce(t, since time.Time, missing []string) Event {
	state := Update
	if !w.open {
		state, w.peak = Open, math.NaN()
		clear(w.blamed)
	} else {
		since = w.last.Since
	}
	w.open, w.last = true, w.event(t, state, since, missing)
	return w.last
}

func (w *DriftWatch) event(t time.Time, state State, since time.Time, missing []string) Event {
	score := w.Score()
	if !(w.peak >= score) && !math.IsNaN(score) {
		w.peak = score
	}
	return Event{Machine: w.o.Machine, Kind: Drift, State: state, Time: t, Since: since, Severity: Warning, Score: score, Peak: w.peak,
		Missing: missing, Causes: w.causes(), Reason: w.why()}
}

// end closes the event.
func (w *DriftWatch) end(t time.Time, reason string) Event {
	ev := w.event(t, Close, w.last.Since, nil)
	ev.Until, ev.Reason = notBefore(w.calmAt, ev.Since), reason
	w.open, w.last, w.moved, w.over, w.calm = false, ev, nil, 0, 0
	return ev
}

// Close ends the open event by decision; false if none is open.
func (w *DriftWatch) Close(t time.Time, reason string) (Event, bool) {
	if !w.open {
		return Event{}, false
	}
	w.calmAt = t
	return w.end(t, reason), true
}

// Resume continues an event that was open when an earlier run ended; false, and
// nothing is done, if ev is no open drift of this machine.
func (w *DriftWatch) Resume(ev Event) bool {
	if ev.Machine != w.o.Machine || ev.Kind != Drift || ev.State == Close || w.open {
		return false
	}
	ev.State = Update
	w.open, w.last, w.peak = true, ev, ev.Peak
	for _, c := range ev.Causes {
		for j := range w.o.Channels {
			w.blamed[j] = w.blamed[j] || w.o.Channels[j].Name == c.Channel
		}
	}
	if w.shift.base > 1 {
		w.moved = ev.Causes
	}
	return true
}

// Open tells whether a drift event is open.
func (w *DriftWatch) Open() bool { return w.open }

// Drop forgets the open event.
func (w *DriftWatch) Drop() { w.open, w.moved, w.over, w.calm = false, nil, 0, 0 }

// causes lists the channels that have drifted, largest drift first; if none has
// drifted by itself, the causes of the shifted level.
func (w *DriftWatch) causes() []Cause {
	s := w.model.State()
	var out []Cause
	var total float64
	for j, ch := range s.Channels {
		if !(ch.Score >= model.DriftLine) {
			continue
		}
		w.blamed[j] = true
		total += ch.Score
		out = append(out, Cause{Channel: w.o.Channels[j].Name, Unit: w.o.Channels[j].Unit, Share: ch.Score,
			Value: ch.Now.Median, Expected: ch.Learnt.Median, Direction: direction(ch.Now.Median, ch.Learnt.Median)})
		for k := len(out) - 1; k > 0 && out[k].Share > out[k-1].Share; k-- {
			out[k], out[k-1] = out[k-1], out[k]
		}
	}
	if out == nil {
		return w.moved
	}
	for i := range out {
		out[i].Share /= total
	}
	return out[:min(len(out), w.o.Causes)]
}

// why tells people what has moved.
func (w *DriftWatch) why() string {
	var text []string
	if w.shift.base > 1 {
		text = append(text, fmt.Sprintf("the level has shifted: scores are seen from %s times the learnt threshold", short(w.shift.base)))
	}
	s := w.model.State()
	for i, c := range w.causes() {
		for j, ch := range s.Channels {
			if w.o.Channels[j].Name == c.Channel && ch.Score >= model.DriftLine && i < driftTold {
				text = append(text, tell(w.o.Channels[j], ch))
			}
		}
	}
	if s.Relation >= model.DriftLine {
		text = append(text, "scores are high for longer than while learning")
	}
	return strings.Join(text, "; ")
}

// tell says where a channel's values lie now and where they lay during learning.
func tell(c model.Channel, ch model.ChannelDrift) string {
	unit := c.Unit
	if unit != "" {
		unit = " " + unit
	}
	return fmt.Sprintf("%s: median %s%s, learnt %s; 5-95 %% %s..%s, learnt %s..%s", c.Name, short(ch.Now.Median), unit, short(ch.Learnt.Median),
		short(ch.Now.Low), short(ch.Now.High), short(ch.Learnt.Low), short(ch.Learnt.High))
}

// short is v in four digits, large numbers to the unit.
func short(v float64) string {
	if size := math.Abs(v); size >= 1e4 && size < 1e13 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'g', 4, 64)
}

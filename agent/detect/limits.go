package detect

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
)

// Limit holds the static limits of one channel; NaN = not set. Values in the
// channel's unit. A value beyond Warn or below WarnLow is a warning, beyond
// Alarm or below AlarmLow critical.
type Limit struct {
	Channel, Unit string
	Index         int // of the channel in the machine's rows
	Warn, Alarm   float64
	WarnLow       float64
	AlarmLow      float64
	Hold          time.Duration // how long the value must be back inside; 0 = the first such reading closes
	Cooldown      time.Duration // after an event, only a more severe one opens for so long

	// Zones is the standard whose zones C and D begin at Warn and Alarm, such as
	// "ISO 20816-3 group 1, rigid"; empty = none. An event then names its zone.
	Zones string
}

// These hold for every limit. Two of three readings beyond a limit open an event;
// one wild reading does not. An event closes when the value has been inside the
// limit by the band for the hold time.
const (
	limitN    = 2
	limitM    = 3
	limitBand = 0.02 // of the span between low and high limit, or of the limit where there is one side only
)

// Limits turns values into limit events: at most one is open per channel, and its
// key is the channel's name. It needs no model and works while one is being learnt.
// It is not safe for concurrent use.
//
// The score of a limit event is 1 at the innermost limit. Beyond it the score grows
// with the distance, divided by the limit's magnitude, or by the span between both
// sides if the limit is 0: 15 A at an upper limit of 12 A scores 15/12. The
// expected value of its one cause is the outermost limit that was crossed. Its
// severity is the highest reached so far. A NaN value changes nothing.
type Limits struct {
	machine string
	watches []watch
	clock   stepper
	shelf   *Shelf
}

// NewLimits makes Limits; an error names every fault of the limits.
func NewLimits(machine string, limits []Limit) (*Limits, error) {
	var errs []error
	l := &Limits{machine: machine}
	for _, lim := range limits {
		if err := lim.check(); err != nil {
			errs = append(errs, err)
			continue
		}
		if slices.ContainsFunc(l.watches, func(w watch) bool { return w.Channel == lim.Channel }) {
			errs = append(errs, fmt.Errorf("limits of %s: given twice", lim.Channel))
			continue
		}
		l.watches = append(l.watches, watch{Limit: lim})
	}
	return l, errors.Join(errs...)
}

func (l *Limit) check() error {
	order := []float64{l.AlarmLow, l.WarnLow, l.Warn, l.Alarm}
	order = slices.DeleteFunc(order, math.IsNaN)
	switch {
	case l.Index < 0 || l.Hold < 0 || l.Cooldown < 0:
		return fmt.Errorf("limits of %s: index %d, hold %v, cooldown %v: negative", l.Channel, l.Index, l.Hold, l.Cooldown)
	case len(order) == 0:
		return fmt.Errorf("limits of %s: none set", l.Channel)
	case !slices.IsSorted(order) || math.IsInf(order[0], 0) || math.IsInf(order[len(order)-1], 0):
		return fmt.Errorf("limits of %s: want finite alarm_low <= warn_low <= warn <= alarm, got %v", l.Channel, order)
	}
	return nil
}

// Push takes the row at t and calls emit for each event that opened, changed or
// closed. It allocates nothing unless it does.
func (l *Limits) Push(t time.Time, values []float64, emit func(Event)) {
	step := l.clock.step(t)
	for i := range l.watches {
		w := &l.watches[i]
		if w.Index >= len(values) || math.IsNaN(values[w.Index]) || math.IsInf(values[w.Index], 0) {
			if state, ok := w.blank(t, step); ok {
				l.tell(w, t, state, emit)
			}
			continue
		}
		if state, ok := w.push(t, step, values[w.Index]); ok || w.silent && w.open && !l.shelf.on() {
			l.tell(w, t, state, emit)
		}
	}
}

// Resume continues an event that was open when an earlier run ended. It reports
// false, and does nothing, if ev is no open limit event of these channels.
func (l *Limits) Resume(ev Event) bool {
	if ev.Machine != l.machine || ev.Kind != LimitExceeded || ev.State == Close {
		return false
	}
	for i := range l.watches {
		if w := &l.watches[i]; w.Channel == ev.Key && !w.open {
			w.open, w.since, w.severity, w.peak = true, ev.Since, ev.Severity, ev.Peak
			w.value, w.direction, w.calm, w.lost, w.silent = math.NaN(), "", false, false, false
			if math.IsNaN(w.peak) {
				w.peak = 0
			}
			if len(ev.Causes) > 0 {
				w.crossed, w.direction = ev.Causes[0].Expected, ev.Causes[0].Direction
			}
			return true
		}
	}
	return false
}

// Open counts the limit events that are open.
func (l *Limits) Open() (n int) {
	for i := range l.watches {
		if l.watches[i].open {
			n++
		}
	}
	return n
}

// Has tells whether the channel's event is open.
func (l *Limits) Has(channel string) bool {
	return slices.ContainsFunc(l.watches, func(w watch) bool { return w.Channel == channel && w.open })
}

// Drop forgets the open events of the channels of which unknown is true; a limit
// that is still exceeded opens another.
func (l *Limits) Drop(unknown func(channel string) bool) {
	for i := range l.watches {
		if w := &l.watches[i]; w.open && unknown(w.Channel) {
			w.open, w.calm, w.lost, w.silent, w.rows = false, false, false, false, [limitM]beyond{}
		}
	}
}

package detect

import (
	"math"
	"slices"
	"time"
)

// ReasonHeld is the Reason of the Update that a Latch makes of a Close, and
// ReasonUnlatched that of the Close it makes later.
const (
	ReasonHeld      = "over, but latched"
	ReasonUnlatched = "unlatched"
)

// Latch keeps process anomalies and limit events open after they ended, so that
// somebody who comes later sees them. It stands behind Detector and Limits: it
// turns a Close into an Update, and gives the Close when the event is unlatched. If
// the event begins again meanwhile, it continues. An event that ends by decision,
// for example after a restart, is not held. A nil Latch holds nothing. It is not
// safe for concurrent use.
type Latch struct {
	after time.Duration // 0 = until Release
	clock stepper
	held  []latched
}

// latched is an event that ended at least once.
type latched struct {
	end  Event // its newest Close
	over bool  // it has not begun again
	age  time.Duration
}

// NewLatch makes the Latch of a policy; nil if the policy does not latch.
func NewLatch(o Policy) *Latch {
	if !o.Latch {
		return nil
	}
	return &Latch{after: o.UnlatchAfter}
}

func latches(k Kind) bool { return k == ProcessAnomaly || k == LimitExceeded }

func (l *Latch) find(ev *Event) int {
	return slices.IndexFunc(l.held, func(h latched) bool {
		return h.end.Machine == ev.Machine && h.end.Kind == ev.Kind && h.end.Key == ev.Key
	})
}

// Take returns the event to be reported instead of ev: ev itself unless it is held.
func (l *Latch) Take(ev Event) Event {
	if l == nil || !latches(ev.Kind) {
		return ev
	}
	i := l.find(&ev)
	if i >= 0 {
		ev = l.held[i].merge(ev)
	}
	switch holds := ev.Reason == ReasonNormal || ev.Reason == ReasonStopped || ev.Reason == ReasonDrift; {
	case ev.State == Close && !holds:
		if i >= 0 {
			l.held = slices.Delete(l.held, i, i+1)
		}
	case ev.State == Close && i < 0:
		l.held = append(l.held, latched{end: ev, over: true})
		return ev.held()
	case ev.State == Close:
		l.held[i] = latched{end: ev, over: true}
		return ev.held()
	case i >= 0:
		l.held[i].over = false
		l.held[i].end.Severity, l.held[i].end.Peak = ev.Severity, ev.Peak
	}
	return ev
}

// Holds tells whether a process anomaly is over and held open. It allocates
// nothing.
func (l *Latch) Holds() bool {
	if l == nil {
		return false
	}
	for i := range l.held {
		if l.held[i].over && l.held[i].end.Kind == ProcessAnomaly {
			return true
		}
	}
	return false
}

// HoldsLimit tells whether a limit event is over and held open. It allocates nothing.
func (l *Latch) HoldsLimit() bool {
	if l == nil {
		return false
	}
	for i := range l.held {
		if l.held[i].over && l.held[i].end.Kind == LimitExceeded {
			return true
		}
	}
	return false
}

// merge makes ev a step of the held event.
func (h *latched) merge(ev Event) Event {
	ev.Since = h.end.Since
	if h.end.Peak > ev.Peak || math.IsNaN(ev.Peak) {
		ev.Peak = h.end.Peak
	}
	if h.end.Severity.Rank() > ev.Severity.Rank() {
		ev.Severity = h.end.Severity
	}
	switch ev.State {
	case Open:
		ev.State = Update
	case Close: // the clock may have gone back since it was held first
		ev.Until = notBefore(ev.Until, ev.Since)
	}
	return ev
}

// held is the Update that stands for a Close while it is held back.
func (ev Event) held() Event {
	ev.State, ev.Until, ev.Reason = Update, time.Time{}, ReasonHeld
	return ev
}

// Tick advances the time to t and calls emit for each event that has been held for
// long enough. It allocates nothing unless there is one.
func (l *Latch) Tick(t time.Time, emit func(Event)) {
	if l == nil {
		return
	}
	step := l.clock.step(t)
	for i := range l.held {
		l.held[i].age = grow(l.held[i].age, step)
	}
	if l.after > 0 {
		l.release(t, emit, func(h *latched) bool { return h.age >= l.after })
	}
}

// Release closes, at t, every event that is over. An event that is not over stays
// open and is held again when it ends.
func (l *Latch) Release(t time.Time, emit func(Event)) {
	if l != nil {
		l.release(t, emit, func(*latched) bool { return true })
	}
}

func (l *Latch) release(t time.Time, emit func(Event), due func(*latched) bool) {
	for i := 0; i < len(l.held); {
		h := &l.held[i]
		if !h.over || !due(h) {
			i++
			continue
		}
		ev := h.end
		ev.Time, ev.Reason = t, ReasonUnlatched
		l.held = slices.Delete(l.held, i, i+1)
		emit(ev)
	}
}

// Resume continues an event that was held when an earlier run ended. It reports
// false, and does nothing, if ev is not such an event.
func (l *Latch) Resume(ev Event) bool {
	if l == nil || !latches(ev.Kind) || ev.State == Close || ev.Reason != ReasonHeld || l.find(&ev) >= 0 {
		return false
	}
	ev.State, ev.Until, ev.Reason = Close, notBefore(ev.Time, ev.Since), ReasonNormal
	l.held = append(l.held, latched{end: ev, over: true})
	return true
}

// Has tells whether the event is over and held open.
func (l *Latch) Has(ev Event) bool {
	if l == nil {
		return false
	}
	i := l.find(&ev)
	return i >= 0 && l.held[i].over
}

// Drop forgets the events of which unknown is true, over or begun again.
func (l *Latch) Drop(unknown func(k Kind, key string) bool) {
	if l != nil {
		l.held = slices.DeleteFunc(l.held, func(h latched) bool { return unknown(h.end.Kind, h.end.Key) })
	}
}

package detect

import "time"

// Shelf silences a machine for a while because somebody has asked for it (ISA-18.2:
// shelving). Process anomalies, drift and limit events below critical do not open while
// it is on, and those that are open tell no updates; closes are told. What still holds
// when it goes off opens then, with its true beginning. A critical limit is always told,
// also when an event that was silent becomes critical.
//
// A Detector, a DriftWatch and Limits of one machine share a Shelf. It is not safe for
// concurrent use. Nil is a Shelf that is off.
type Shelf struct {
	On     bool
	Silent uint64 // events that did not open because of it, so far
}

func (s *Shelf) on() bool { return s != nil && s.On }

// Shelve puts the Detector under a Shelf.
func (d *Detector) Shelve(s *Shelf) { d.shelf = s }

// Shelve puts the DriftWatch under a Shelf.
func (w *DriftWatch) Shelve(s *Shelf) { w.shelf = s }

// Shelve puts the Limits under a Shelf.
func (l *Limits) Shelve(s *Shelf) { l.shelf = s }

// silent tells whether the episode may not open now, and counts it once.
func (d *Detector) silent(t time.Time) bool {
	if d.shelf.on() {
		if !d.shelved {
			d.shelved = true
			d.shelf.Silent++
		}
		return true
	}
	return muted(d.o.Mute, d.o.Location, t)
}

// silent tells whether drift may not open now, and counts it once.
func (w *DriftWatch) silent(t time.Time) bool {
	if w.shelf.on() {
		if !w.shelved {
			w.shelved = true
			w.shelf.Silent++
		}
		return true
	}
	w.shelved = false
	return muted(w.o.Mute, w.o.Location, t)
}

// tell emits a step of a watch unless the Shelf silences it.
func (l *Limits) tell(w *watch, t time.Time, state State, emit func(Event)) {
	loud := !l.shelf.on() || w.severity.Rank() >= Critical.Rank()
	switch {
	case w.silent && state == Close:
		w.silent = false
		return
	case w.silent && loud:
		w.silent, state = false, Open
	case w.silent, state == Update && !loud:
		return
	case state == Open && !loud:
		w.silent = true
		l.shelf.Silent++
		return
	}
	emit(w.event(l.machine, t, state))
}

// Silent counts the limit events that are open and not told.
func (l *Limits) Silent() (n int) {
	for i := range l.watches {
		if l.watches[i].open && l.watches[i].silent {
			n++
		}
	}
	return n
}

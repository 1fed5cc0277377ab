package modbus

import (
	"sync"
	"time"
)

// probeShare is how much more of a line's time belongs to the living than to
// asking whether the dead are back: a probe that took d is followed by none,
// of any unit, for probeShare*d.
const probeShare = 4

// silences is what the sensors on one line know together of units that do not
// answer: several sensors may be parts of one unit. It is safe for concurrent
// use.
type silences struct {
	mu    sync.Mutex
	units map[uint8]*breaker
	next  time.Time // earliest next probe on the line
	owed  *owed
}

// freshShare is the part of a silent unit's pause after which a sensor may ask
// that has not failed since it was last answered.
const freshShare = 4

// refuse is the error of not asking the unit now, nil if it may be asked. Own
// is the sensor's breaker: a unit may be silent to one sensor's registers only,
// so the failures of others hold back for a part of the unit's pause only one
// that has not failed itself; it asks as a probe does.
func (s *silences) refuse(unit uint8, own *breaker, now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, next := own, own.next
	if u := s.units[unit]; u != nil && u.next.After(next) {
		b, next = u, u.next
		if own.fails == 0 {
			next = u.last.Add(u.next.Sub(u.last) / freshShare)
		}
	}
	if b.open() && s.next.After(next) {
		next = s.next
	}
	if !now.Before(next) {
		return nil
	}
	return b.refusal(now, next)
}

// fail notes a cycle from start until now in which the unit was silent.
func (s *silences) fail(unit uint8, own *breaker, start, now time.Time, cause error, pause, limit time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.units[unit]
	if u == nil {
		u = new(breaker)
		s.units[unit] = u
	}
	probe := own.open() // or it fails where others of the unit have
	own.fail(start, now, cause, pause, limit)
	u.fail(start, now, cause, pause, limit)
	if probe || u.open() && u.fails > own.fails {
		s.next = now.Add(probeShare * now.Sub(start))
	}
}

// ok notes an answer of the unit.
func (s *silences) ok(unit uint8, own *breaker) {
	own.ok()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.units, unit)
}

package modbus

import (
	"sync"
	"time"
)

const (
	// probeShare limits how much of a line's time goes into asking whether dead
	// units are back: after a probe that took d, no unit is probed for
	// probeShare*d.
	probeShare = 4
	// freshShare divides the pause of a silent unit: a sensor that has not failed
	// since its last answer may ask after the first of freshShare parts.
	freshShare = 4
)

// unitBackoff holds the pauses of the units on one line that do not answer. The
// sensors of a line share it, because several of them may belong to one unit. It
// is safe for concurrent use.
type unitBackoff struct {
	mu    sync.Mutex
	units map[uint8]*breaker
	next  time.Time // earliest next probe on the line
}

// refuse is the error of not asking the unit now, nil if it may be asked. Own is
// the sensor's breaker. A unit may be silent for the registers of one sensor
// only. So a sensor that has not failed itself waits for a part of the unit's
// pause, not for all of it; its request then counts as a probe.
func (u *unitBackoff) refuse(unit uint8, own *breaker, now time.Time) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	b, next := own, own.next
	if shared := u.units[unit]; shared != nil && shared.next.After(next) {
		b, next = shared, shared.next
		if own.fails == 0 {
			next = shared.last.Add(shared.next.Sub(shared.last) / freshShare)
		}
	}
	if b.open() && u.next.After(next) {
		next = u.next
	}
	if !now.Before(next) {
		return nil
	}
	return b.refusal(now, next)
}

// fail notes a cycle from start until now in which the unit was silent.
func (u *unitBackoff) fail(unit uint8, own *breaker, start, now time.Time, cause error, pause, limit time.Duration) {
	u.mu.Lock()
	defer u.mu.Unlock()
	shared := u.units[unit]
	if shared == nil {
		shared = new(breaker)
		u.units[unit] = shared
	}
	probe := own.open()
	own.fail(start, now, cause, pause, limit)
	shared.fail(start, now, cause, pause, limit)
	if probe || shared.open() && shared.fails > own.fails { // other sensors of the unit had failed before
		u.next = now.Add(probeShare * now.Sub(start))
	}
}

// ok notes an answer of the unit.
func (u *unitBackoff) ok(unit uint8, own *breaker) {
	own.ok()
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.units, unit)
}

package modbus

import (
	"fmt"
	"time"
)

// breaker is a circuit breaker: after repeated failures it forbids tries for
// pauses that double. The zero value is closed. It is for one goroutine.
type breaker struct {
	fails int       // in a row
	since time.Time // when the first of them began
	last  time.Time // when the newest was noticed
	next  time.Time // earliest next try; zero = any time
	cause error     // of the newest
}

// threshold is the number of failures in a row that open a breaker. A single
// failure may be noise on the line.
const threshold = 2

// ready reports whether a try is due.
func (b *breaker) ready(now time.Time) bool { return !now.Before(b.next) }

// fail counts a failure that began at start and was noticed now.
func (b *breaker) fail(start, now time.Time, cause error, pause, limit time.Duration) {
	if b.fails == 0 {
		b.since = start
	}
	b.fails++
	b.last, b.cause = now, cause
	if over := b.fails - threshold; over >= 0 {
		if over < 16 {
			limit = min(limit, pause<<over)
		}
		b.next = now.Add(limit)
	}
}

// ok closes the breaker.
func (b *breaker) ok() { *b = breaker{} }

// open reports whether the breaker is open: the next try is then a probe.
func (b *breaker) open() bool { return b.fails >= threshold }

// refusal is the error to return until next.
func (b *breaker) refusal(now, next time.Time) error {
	return fmt.Errorf("no good answer for %v, next try in %v: %w",
		now.Sub(b.since).Round(time.Second), next.Sub(now).Round(time.Millisecond), b.cause)
}

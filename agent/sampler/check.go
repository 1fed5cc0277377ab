package sampler

import (
	"fmt"
	"math"
	"time"
)

// Check says what one channel's values may do. The zero value checks nothing
// but that a value is a number.
type Check struct {
	Range Range // outside is Suspect: what the plant can do

	// MaxRate is the fastest change in units per second, from the last value
	// believed; faster is Suspect. 0 = any.
	MaxRate float64
	// MaxSpike is the largest distance from the last value believed; farther is
	// Suspect. 0 = any.
	MaxSpike float64

	// FlatAfter is how long the values may stay within FlatBand of each other
	// before they are Suspect. 0 = for ever.
	FlatAfter time.Duration
	FlatBand  float64
}

// Range holds Min and Max; the zero value holds everything.
type Range struct{ Min, Max float64 }

func (r Range) holds(v float64) bool {
	return r == Range{} || (v >= r.Min && v <= r.Max)
}

func (c *Check) valid() error {
	switch {
	case c.Range != Range{} && !(c.Range.Min < c.Range.Max):
		return fmt.Errorf("range %v to %v: want min below max", c.Range.Min, c.Range.Max)
	case !finite(c.MaxRate) || !finite(c.MaxSpike) || !finite(c.FlatBand) || c.FlatAfter < 0:
		return fmt.Errorf("max_rate %v, max_spike %v, flat_after %v, flat_band %v: want none below 0", c.MaxRate, c.MaxSpike, c.FlatAfter, c.FlatBand)
	}
	return nil
}

func finite(v float64) bool { return v >= 0 && v <= math.MaxFloat64 }

// believeAfter is how many doubted readings in a row must agree with each other
// before they are believed: the first two of a real step are Suspect, the third
// is Good.
const believeAfter = 3

// judge flags the readings of one channel, one after the other. The zero value
// of its history is a channel never read. It is for one goroutine.
type judge struct {
	check    Check
	physical Range // outside is Bad: what the sensor can measure

	believed point
	doubted  point // newest of the run of doubted readings
	run      int   // how many of them agree; 0 = none

	flat   time.Time // since when the values lie within lo and hi; zero = never read
	lo, hi float64
}

type point struct {
	at    time.Time // zero = none
	value float64
}

// flag judges the value v measured at t. NaN means that the sensor gave none.
func (j *judge) flag(t time.Time, v float64) (Quality, Doubt) {
	switch {
	case math.IsNaN(v):
		return Missing, NoDoubt
	case math.IsInf(v, 0), !j.physical.holds(v):
		return Bad, Impossible
	}
	flat := j.isFlat(t, v)
	if !j.check.Range.holds(v) {
		return Suspect, OutOfRange // and no evidence for or against a step
	}
	if d := j.doubt(point{t, v}); d != NoDoubt {
		return Suspect, d
	}
	if flat {
		return Suspect, Flat
	}
	return Good, NoDoubt
}

// doubt is the spike and the rate-of-change test. A reading that is too far
// from the last believed one is doubted, until believeAfter of them in a row
// agree with each other.
func (j *judge) doubt(now point) Doubt {
	d := NoDoubt
	if !j.believed.at.IsZero() {
		d = j.between(j.believed, now)
	}
	if d == NoDoubt {
		j.believed, j.run = now, 0
		return NoDoubt
	}
	if j.run > 0 && j.between(j.doubted, now) != NoDoubt {
		j.run = 0
	}
	j.run++
	j.doubted = now
	if j.run < believeAfter {
		return d
	}
	j.believed, j.run = now, 0
	return NoDoubt
}

// between tells what is wrong with b after a.
func (j *judge) between(a, b point) Doubt {
	d := math.Abs(b.value - a.value)
	switch {
	case j.check.MaxSpike > 0 && d > j.check.MaxSpike:
		return Spike
	case j.check.MaxRate > 0 && d > j.check.MaxRate*b.at.Sub(a.at).Seconds():
		return TooFast
	}
	return NoDoubt
}

// rounding lets 5.2 lie within 0.2 of 5.
const rounding = 1 + 1e-9

// isFlat tells whether the readings have stayed within the band for too long.
// The run begins anew at the reading that leaves the band, so a slow drift is
// never flat.
func (j *judge) isFlat(t time.Time, v float64) bool {
	if j.check.FlatAfter == 0 {
		return false
	}
	lo, hi := min(j.lo, v), max(j.hi, v)
	if j.flat.IsZero() || hi-lo > j.check.FlatBand*rounding {
		j.flat, j.lo, j.hi = t, v, v
		return false
	}
	j.lo, j.hi = lo, hi
	return t.Sub(j.flat) >= j.check.FlatAfter
}

// bounded is a sensor that knows what its channels can measure at all; a value
// beyond is a fault of the instrument. Equal ends mean that it does not know.
type bounded interface {
	Bounds(channel int) (lo, hi float64)
}

// newJudges makes the judges of a sensor's channels. Checks has one element a
// channel, or none.
func newJudges(s SensorSpec) ([]judge, error) {
	n := len(s.Sensor.Channels())
	if len(s.Checks) != n && len(s.Checks) != 0 {
		return nil, fmt.Errorf("sensor %s: %d checks for %d channels", s.Name, len(s.Checks), n)
	}
	js := make([]judge, n)
	b, hasBounds := s.Sensor.(bounded)
	for i := range js {
		if len(s.Checks) > 0 {
			js[i].check = s.Checks[i]
			if err := js[i].check.valid(); err != nil {
				return nil, fmt.Errorf("sensor %s: channel %d: %w", s.Name, i, err)
			}
		}
		if hasBounds {
			lo, hi := b.Bounds(i)
			js[i].physical = Range{lo, hi}
		}
	}
	return js, nil
}

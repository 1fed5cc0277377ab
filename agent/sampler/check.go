package sampler

import (
	"fmt"
	"math"
	"time"
)

// Check says how the values of one channel may behave. The zero value only checks
// that a value is a number.
type Check struct {
	Range Range // values outside are Suspect: they are impossible in the plant

	// MaxRate is the fastest change from the last value believed, in units per
	// second; faster changes are Suspect. 0 = no limit.
	MaxRate float64
	// MaxSpike is the largest distance from the last value believed; values
	// farther away are Suspect. 0 = no limit.
	MaxSpike float64

	// FlatAfter is how long the values may stay within FlatBand of each other
	// before they become Suspect. 0 = no limit.
	FlatAfter time.Duration
	FlatBand  float64

	// Counter makes the channel's values those of a counter: what goes into rows and
	// is judged is its rate.
	Counter Counter
}

// Range is Min to Max, both included; the zero value includes everything.
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

// checker flags the readings of one channel, one after the other. A checker
// without history belongs to a channel that was never read. It is for one
// goroutine.
type checker struct {
	check    Check
	tally    *tally // nil = the channel is no counter
	physical Range  // values outside are Bad: the sensor cannot measure them

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

// flag checks the value v measured at t. NaN means that the sensor gave none.
func (c *checker) flag(t time.Time, v float64) (Quality, Doubt) {
	switch {
	case math.IsNaN(v):
		return Missing, NoDoubt
	case math.IsInf(v, 0), !c.physical.holds(v):
		return Bad, Impossible
	}
	flat := c.isFlat(t, v)
	if !c.check.Range.holds(v) {
		return Suspect, OutOfRange // not counted as a doubted reading: it neither confirms nor refutes a step
	}
	if d := c.doubt(point{t, v}); d != NoDoubt {
		return Suspect, d
	}
	if flat {
		return Suspect, Flat
	}
	return Good, NoDoubt
}

// doubt runs the spike test and the rate-of-change test. It doubts a reading that
// is too far from the last one believed, until believeAfter doubted readings in a
// row agree with each other.
func (c *checker) doubt(now point) Doubt {
	d := NoDoubt
	if !c.believed.at.IsZero() {
		d = c.between(c.believed, now)
	}
	if d == NoDoubt {
		c.believed, c.run = now, 0
		return NoDoubt
	}
	if c.run > 0 && c.between(c.doubted, now) != NoDoubt {
		c.run = 0
	}
	c.run++
	c.doubted = now
	if c.run < believeAfter {
		return d
	}
	c.believed, c.run = now, 0
	return NoDoubt
}

// between tells which test b fails after a.
func (c *checker) between(a, b point) Doubt {
	d := math.Abs(b.value - a.value)
	switch {
	case c.check.MaxSpike > 0 && d > c.check.MaxSpike:
		return Spike
	case c.check.MaxRate > 0 && d > c.check.MaxRate*b.at.Sub(a.at).Seconds():
		return TooFast
	}
	return NoDoubt
}

// rounding makes 5.2 lie within 0.2 of 5 in spite of binary rounding.
const rounding = 1 + 1e-9

// isFlat tells whether the readings have stayed within the band for too long. A
// reading that leaves the band starts a new run, so a slow drift is never flat.
func (c *checker) isFlat(t time.Time, v float64) bool {
	if c.check.FlatAfter == 0 {
		return false
	}
	lo, hi := min(c.lo, v), max(c.hi, v)
	if c.flat.IsZero() || hi-lo > c.check.FlatBand*rounding {
		c.flat, c.lo, c.hi = t, v, v
		return false
	}
	c.lo, c.hi = lo, hi
	return t.Sub(c.flat) >= c.check.FlatAfter
}

// bounded is a sensor that knows the range that each channel can measure; a value
// outside it is a fault of the instrument. Equal bounds mean that it does not know.
type bounded interface {
	Bounds(channel int) (lo, hi float64)
}

// newCheckers makes the checkers of a sensor's channels. s.Checks has one element
// per channel, or none.
func newCheckers(s SensorSpec) ([]checker, error) {
	n := len(s.Sensor.Channels())
	if len(s.Checks) != n && len(s.Checks) != 0 {
		return nil, fmt.Errorf("sensor %s: %d checks for %d channels", s.Name, len(s.Checks), n)
	}
	cs := make([]checker, n)
	b, hasBounds := s.Sensor.(bounded)
	for i := range cs {
		if len(s.Checks) > 0 {
			cs[i].check = s.Checks[i]
			if c := s.Checks[i].Counter; c.Per > 0 {
				cs[i].tally = &tally{Counter: c}
			}
			if err := cs[i].check.valid(); err != nil {
				return nil, fmt.Errorf("sensor %s: channel %d: %w", s.Name, i, err)
			}
		}
		if hasBounds {
			lo, hi := b.Bounds(i)
			cs[i].physical = Range{lo, hi}
		}
	}
	return cs, nil
}

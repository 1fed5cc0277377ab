package sampler

import (
	"math"
	"time"
)

// Counter says how the values of a channel count, for its rate. The zero value means
// that the channel is no counter.
type Counter struct {
	Per  time.Duration // unit of time of the rate: an hour for kWh to kW
	Step float64       // smallest change that a value can show
	// Relative is the smallest change as a fraction of the value, for floating-point
	// numbers; 0 = Step says it.
	Relative float64
	Span     float64 // how far it counts before it begins again; 0 = it never does
}

const (
	// countersKept is how many readings the rate of a slow counter is taken over at
	// most; those between two changes count as one.
	countersKept = 16
	// restartAfter is how long a sensor must have been without values before its
	// device may have restarted and counts anew.
	restartAfter = 2 // seconds
	// plausible is how many times as fast as before a counter may have counted where
	// it seems to have begun again at 0, or to have gone on after a false value.
	plausible = 4
	// impossible is how many times as fast as lately a counter that counts has never
	// counted: it was replaced, or the value is false.
	impossible = 1000
	// standsAfter is how many times as long as before its last change a counter must
	// have stood still to have stopped.
	standsAfter = 4
	// patience is how many readings in a row a counter that has not counted yet must
	// have stood still to be at rest. Until then it may be a slow one.
	patience = 2 * countersKept
)

// tally turns the readings of one counter into its rate. The zero value with a
// Counter has no reading yet. It is for one goroutine.
type tally struct {
	Counter
	start  time.Time           // of the first reading
	points [countersKept]count // a ring: the newest is at next-1
	n      int                 // how many there are
	next   uint
	misses int // readings in a row without a value

	quantum float64 // by how much the value changes at once
	still   int     // readings in a row that did not change
	stood   int     // still before the last change
	moves   int     // readings in a row that changed
	fastest float64 // rate of the readings lately, per second
	moved   float64 // when it changed last
	steady  float64 // rate then
	edge    bool    // the first point is where the value changed
	known   bool    // it has had a rate

	before *count // the last point before the counter went back; nil = it did not, or has counted since
}

// count is a reading.
type count struct {
	at    float64 // seconds since the first one
	value float64
}

// read takes the reading v at time t, NaN if it brought no value, and gives the rate
// as rate does.
func (c *tally) read(t time.Time, v float64) (float64, Doubt) {
	if math.IsNaN(v) {
		c.misses++
		return v, NoDoubt
	}
	return c.rate(t, v)
}

// rate gives the rate in units of Per at the reading of value v at time t, or why it
// has none. It is never negative.
func (c *tally) rate(t time.Time, v float64) (float64, Doubt) {
	misses := c.misses
	c.misses = 0
	if c.n == 0 {
		c.start = t
	}
	now := count{t.Sub(c.start).Seconds(), v}
	if c.n == 0 || misses > 1 && now.at-c.last().at > restartAfter {
		c.begin(now)
		return math.NaN(), FirstCount
	}
	last := *c.last()
	dt := now.at - last.at
	if dt <= 0 {
		return math.NaN(), FirstCount
	}
	d := v - last.value
	step := c.step(v)
	if d < 0 && -d <= step && c.Relative > 0 {
		now.value, d = last.value, 0 // rounding
	}
	switch {
	case d < 0 && c.Span > 0 && c.can(d+c.Span, dt, step):
		d += c.Span
		c.shift(-c.Span)
	case c.before != nil && v >= c.before.value && c.can(v-c.before.value, now.at-c.before.at, step):
		c.begin(*c.before) // what was taken for a new start was a false value
		dt, d = now.at-c.last().at, v-c.last().value
	case c.before != nil && d > 0 && c.fastest > 0 && !c.can(d, dt, step):
		c.begin(now) // as of a device that first counts from 0 and then finds its old count
		return math.NaN(), CounterReset
	case d < 0, c.Span > 0 && d > c.Span/2 && !c.can(d, dt, step), c.moves > 0 && d > impossible*c.fastest*dt:
		before := c.before
		if before == nil {
			before = &count{last.at, last.value}
		}
		c.begin(now)
		c.before = before
		return math.NaN(), CounterReset
	}
	if d > 0 {
		c.before = nil
	}
	if c.known = c.known || c.still >= patience || d > 1.5*step && c.still == 0 || d > 0 && c.edge; !c.known {
		if d == 0 {
			c.move(d, step)
			c.add(now)
			return math.NaN(), Uncounted
		}
		c.begin(now) // for how long it had stood before the first reading is unknown
		c.edge, c.moves, c.fastest = true, 1, d/dt
		return math.NaN(), Uncounted
	}
	c.move(d, step)
	c.add(now)
	c.fastest = max(d/dt, 0.99*c.fastest)
	return c.now(now.at) * c.Per.Seconds(), NoDoubt
}

// now is the rate per second after the reading at the time at was added. A counter that
// changes now and then keeps its rate until its next change is overdue.
func (c *tally) now(at float64) float64 {
	switch {
	case c.still > standsAfter*(c.stood+1):
		return 0
	case c.still > 0 && c.stood > 0 && c.steady > 0:
		return min(c.steady, c.quantum/(at-c.moved))
	}
	r := c.estimate()
	if c.still == 0 {
		c.moved, c.steady = at, r
	}
	return r
}

// can tells whether the counter can have counted d in dt seconds, by what it counted
// before.
func (c *tally) can(d, dt, step float64) bool {
	return c.fastest > 0 && d <= plausible*c.fastest*dt+2*step
}

func (c *tally) step(v float64) float64 { return max(c.Step, c.Relative*math.Abs(v)) }

// begin forgets all readings but one.
func (c *tally) begin(p count) {
	*c = tally{Counter: c.Counter, start: c.start, fastest: c.fastest, quantum: c.quantum, known: c.known}
	c.add(p)
}

// back is the reading that is i places before the newest.
func (c *tally) back(i int) *count {
	return &c.points[(c.next-1-uint(i))%countersKept]
}

func (c *tally) last() *count { return c.back(0) }

// add adds a reading. Of those that equal each other only the first and the newest
// are kept.
func (c *tally) add(p count) {
	if c.n > 1 && c.back(0).value == p.value && c.back(1).value == p.value {
		c.back(0).at = p.at
		return
	}
	c.points[c.next%countersKept] = p
	c.next++
	c.n = min(c.n+1, countersKept)
}

// shift moves the kept readings, so that the newest one is the next after a new
// beginning of the counter.
func (c *tally) shift(by float64) {
	for i := range c.n {
		c.back(i).value += by
	}
}

// move learns in which steps the value changes. A counter of a low resolution, or
// one that its device renews more seldom than it is read, stands still for some
// readings and then changes at once; one that stood much longer than before has
// begun to count.
func (c *tally) move(d, step float64) {
	if d == 0 {
		c.still++
		c.moves = 0
		return
	}
	switch c.moves++; {
	case c.still > 0 && (c.still < countersKept || c.still <= 2*c.stood+1):
		c.quantum = max(step, d)
	case c.moves >= countersKept, c.still > 0:
		c.quantum = step
	}
	if c.still > 0 {
		c.stood = c.still
	}
	c.still = 0
	c.quantum = max(c.quantum, step)
}

// exact is the share of a rate that its doubt must not exceed for the newest difference
// to be enough.
const exact = 1.0 / 1024

// estimate is the rate per second over the longest time in which every shorter one
// gives the same rate, as far as the steps of the counter can tell: a counter with a
// high resolution has its newest difference, others are averaged.
func (c *tally) estimate() float64 {
	now := c.last()
	if before := c.back(1); c.n > 1 && c.quantum <= exact*(now.value-before.value) {
		return (now.value - before.value) / (now.at - before.at)
	}
	rate, low, high := 0.0, math.Inf(-1), math.Inf(1)
	for i := 1; i < c.n; i = min(2*i, max(i+1, c.n-1)) {
		from := c.back(i)
		span := 1 / (now.at - from.at)
		r, doubt := (now.value-from.value)*span, c.quantum*span
		if r < low || r > high {
			break
		}
		rate, low, high = r, max(low, r-doubt), min(high, r+2*doubt)
	}
	return max(rate, 0)
}

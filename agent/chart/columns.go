package chart

import (
	"math"
	"time"
)

const (
	gapSteps  = 2.5 // a longer step, in usual steps, is a gap
	gapRows   = 300 // a gap of up to this many periods is always drawn in full
	mostGaps  = 200
	mostTime  = 100 * 365 * 24 * time.Hour // drawn at most; prevents overflow
	usualOver = 5                          // the usual step is the median of this many
)

// Columns gathers the rows of a recording into a bounded number of columns. Its
// memory does not grow with the rows. It is made by New and not safe for concurrent
// use.
type Columns struct {
	most, ranges, sums int

	period time.Duration
	width  time.Duration // of a column, as drawn
	at     time.Duration // of the newest row, as drawn
	plain  time.Duration // recorded, without gaps
	usual  [usualOver]time.Duration
	steps  int
	last   time.Time

	rows     int
	backward int
	columns  []column
	low      []float64 // (most, ranges), NaN = no value
	high     []float64 // (most, ranges)
	sum      []float64 // (most, sums)

	gaps    []Gap
	gapMore int
}

// column is a column without its values.
type column struct {
	start  time.Time
	rows   int
	broken bool // there is a gap before or in it
}

// Gap is a time without rows.
type Gap struct {
	From, To time.Time
	at, end  time.Duration // as drawn
}

// New returns Columns for rows that come once a period (0 = unknown). Each row has
// ranges values of which the range is kept, and sums values that are added up. most is
// the number of columns; it is rounded up to an even one.
func New(period time.Duration, most, ranges, sums int) *Columns {
	most = max(2, (most+1)&^1)
	c := &Columns{most: most, ranges: ranges, sums: sums, period: period, width: max(period, 1),
		columns: make([]column, most), low: make([]float64, most*ranges), high: make([]float64, most*ranges), sum: make([]float64, most*sums)}
	for i := range c.low {
		c.low[i], c.high[i] = math.NaN(), math.NaN()
	}
	return c
}

// Push takes the row at t: (ranges) values of which the least and the largest are
// kept, NaN = none, and (sums) values to be added up. A t that is before the last one,
// or the zero time, is drawn one period after it.
func (c *Columns) Push(t time.Time, ranges, sums []float64) {
	broken := c.advance(t)
	for c.index(c.at) >= c.most {
		c.halve()
	}
	i := c.index(c.at)
	col := &c.columns[i]
	if col.rows == 0 {
		col.start = t
	}
	col.rows++
	col.broken = col.broken || broken
	for k, v := range ranges[:c.ranges] {
		if v != v || math.IsInf(v, 0) {
			continue
		}
		low, high := &c.low[i*c.ranges+k], &c.high[i*c.ranges+k]
		if !(*low <= v) {
			*low = v
		}
		if !(*high >= v) {
			*high = v
		}
	}
	for k, v := range sums[:c.sums] {
		c.sum[i*c.sums+k] += v
	}
	c.rows++
}

// advance moves the axis to t and reports whether there was a gap before it.
func (c *Columns) advance(t time.Time) (gap bool) {
	before := c.last
	c.last = t
	if c.rows == 0 {
		if t.IsZero() {
			c.backward++
		}
		return false
	}
	step := t.Sub(before)
	if t.IsZero() || before.IsZero() || step < 0 {
		c.draw(max(c.period, 1))
		switch {
		case t.IsZero():
			c.last = before
		case before.IsZero():
			return false
		}
		c.backward++
		return !t.IsZero()
	}
	if c.steps == 0 && step > 0 {
		c.begin(step)
	}
	usual := c.usual
	for i := range usual { // few: package slices would be another 5 KiB of program
		for j := i; j > 0 && usual[j] < usual[j-1]; j-- {
			usual[j], usual[j-1] = usual[j-1], usual[j]
		}
	}
	normal := max(c.period, usual[usualOver/2])
	c.usual[c.steps%usualOver] = step
	if c.steps++; float64(step) <= gapSteps*float64(normal) {
		c.plain += step
		c.draw(step)
		return false
	}
	c.gap(before, t, min(step, max(gapRows*normal, c.plain)))
	return true
}

// begin takes the first step as the usual one.
func (c *Columns) begin(step time.Duration) {
	for i := range c.usual {
		c.usual[i] = step
	}
	if c.period <= 0 {
		c.period, c.width = step, step
	}
}

func (c *Columns) gap(from, to time.Time, drawn time.Duration) {
	g := Gap{From: from, To: to, at: c.at}
	c.draw(drawn)
	g.end = c.at
	if len(c.gaps) < mostGaps {
		c.gaps = append(c.gaps, g)
	} else {
		c.gapMore++
	}
}

func (c *Columns) draw(step time.Duration) {
	if step <= mostTime-c.at {
		c.at += step
	}
}

func (c *Columns) index(at time.Duration) int { return int(min(at/c.width, 1<<30)) }

// halve merges each pair of columns into one.
func (c *Columns) halve() {
	for i := range c.most {
		a, b := c.columns[min(2*i, c.most-1)], c.columns[min(2*i+1, c.most-1)]
		if 2*i >= c.most {
			a, b = column{}, column{}
		}
		if a.rows == 0 {
			a.start = b.start
		}
		c.columns[i] = column{a.start, a.rows + b.rows, a.broken || b.broken}
		for k := range c.ranges {
			low, high := math.NaN(), math.NaN()
			if 2*i < c.most {
				x, y := 2*i*c.ranges+k, (2*i+1)*c.ranges+k
				low, high = least(c.low[x], c.low[y]), -least(-c.high[x], -c.high[y])
			}
			c.low[i*c.ranges+k], c.high[i*c.ranges+k] = low, high
		}
		for k := range c.sums {
			v := 0.0
			if 2*i < c.most {
				v = c.sum[2*i*c.sums+k] + c.sum[(2*i+1)*c.sums+k]
			}
			c.sum[i*c.sums+k] = v
		}
	}
	c.width *= 2
}

// least is the smaller of two values of which either may be NaN.
func least(a, b float64) float64 {
	if !(a <= b) && b == b {
		return b
	}
	return a
}

// Rows returns the number of rows so far.
func (c *Columns) Rows() int { return c.rows }

// Backward returns the number of rows without a time, or with a time before that of
// the previous row.
func (c *Columns) Backward() int { return c.backward }

// Gaps returns the first 200 gaps, and how many more there were.
func (c *Columns) Gaps() ([]Gap, int) { return c.gaps, c.gapMore }

// At returns where the newest row is drawn, for Span.
func (c *Columns) At() time.Duration { return c.at }

// Used returns the number of columns to be drawn.
func (c *Columns) Used() int { return min(c.index(c.at)+1, c.most) }

// Range returns the least and the largest of value k over all columns; ok is false if
// it never had a value.
func (c *Columns) Range(k int) (low, high float64, ok bool) {
	low, high = math.NaN(), math.NaN()
	for i := k; i < len(c.low); i += c.ranges {
		low, high = least(low, c.low[i]), -least(-high, -c.high[i])
	}
	return low, high, low == low
}

// Sum returns sum k of column i, and the number of rows in the column.
func (c *Columns) Sum(i, k int) (sum float64, rows int) {
	return c.sum[i*c.sums+k], c.columns[i].rows
}

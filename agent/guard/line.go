package guard

import "time"

// Level is how far something is from being in order; worse levels are greater.
type Level int

// The levels.
const (
	Fine Level = iota
	High
	Critical
)

// Line compares a figure with two lines. It is not safe for concurrent use.
type Line struct {
	High, Critical float64       // from where on the figure has that level; 0 = there is no such line
	Back           float64       // how far below a line the figure must be to fall back
	After          time.Duration // for how long the figure must be above a line to rise
	Stay           time.Duration // and for how long below it to fall

	level        Level
	above, below [Critical + 1]time.Time // since when; zero = it is not
}

// Look takes the figure of a moment and returns its level, and whether it is another one
// than before. NaN changes nothing.
func (l *Line) Look(now time.Time, v float64) (level Level, changed bool) {
	if v != v {
		return l.level, false
	}
	next := Fine
	for of, line := range [...]float64{High: l.High, Critical: l.Critical} {
		of := Level(of)
		if line == 0 {
			continue
		}
		if l.level >= of {
			line -= l.Back
		}
		if v < line {
			l.above[of] = time.Time{}
			if l.below[of].IsZero() {
				l.below[of] = now
			}
			if l.level >= of && now.Sub(l.below[of]) < l.Stay {
				next = of
			}
			continue
		}
		l.below[of] = time.Time{}
		if l.above[of].IsZero() {
			l.above[of] = now
		}
		if l.level >= of || now.Sub(l.above[of]) >= l.After {
			next = of
		}
	}
	changed, l.level = next != l.level, next
	return next, changed
}

// Level is that of the newest figure.
func (l *Line) Level() Level { return l.level }

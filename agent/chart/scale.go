package chart

import (
	"math"
	"strconv"
)

// Scale is a value axis.
type Scale struct {
	low, high float64
	log       bool
}

const (
	tall    = 1000 // height of a plot in units
	margin  = 40   // units above and below the outermost values
	mostLog = 1e12
)

// Linear returns the axis from low to high. If they are not a range, it extends them
// to one.
func Linear(low, high float64) Scale {
	if !(low <= high) || math.IsInf(low, 0) || math.IsInf(high, 0) {
		low, high = 0, 1
	}
	if !(high/2-low/2 > 1e-12*max(math.Abs(low/2), math.Abs(high/2))) || high/2-low/2 < 1e-300 {
		pad := max(math.Abs(low)/100, 0.5)
		low, high = max(low-pad, -math.MaxFloat64), min(high+pad, math.MaxFloat64)
	}
	return Scale{low: low, high: high}
}

// Log returns the logarithmic axis from low to high, both above 0. Values outside are
// drawn at its ends.
func Log(low, high float64) Scale {
	if !(low >= 1/mostLog) {
		low = 1 / mostLog
	}
	low = min(low, mostLog)
	if !(high >= 2*low) {
		high = 2 * low
	}
	return Scale{low: low, high: min(high, 2*mostLog), log: true}
}

// part returns the position of v on the axis, 0 to 1.
func (s Scale) part(v float64) float64 {
	f := (v/2 - s.low/2) / (s.high/2 - s.low/2)
	if s.log {
		f = math.Log10(max(v, s.low)/s.low) / math.Log10(s.high/s.low)
	}
	return min(max(f, 0), 1)
}

// y returns the position of v on the drawing, from the top.
func (s Scale) y(v float64) int {
	return tall - margin - int(s.part(v)*(tall-2*margin)+0.5)
}

// tick is a label on an axis.
type tick struct {
	at   float64 // position, 0 to 1
	text string
	more string // second line
}

// ticks returns some round values.
func (s Scale) ticks() (out []tick) {
	add := func(v float64, text string) {
		out = append(out, tick{at: float64(tall-s.y(v)) / tall, text: text})
	}
	if s.log {
		first, last := int(math.Ceil(math.Log10(s.low)-1e-9)), int(math.Floor(math.Log10(s.high)+1e-9))
		if last-first < 2 {
			for k := first - 1; k <= last; k++ {
				for _, m := range [...]float64{1, 2, 5} {
					if v := m * math.Pow10(k); v >= s.low && v <= s.high {
						add(v, strconv.FormatFloat(v, 'g', 1, 64))
					}
				}
			}
			return out
		}
		for k := first; k <= last; k += 1 + (last-first)/5 {
			v := math.Pow10(k)
			add(v, strconv.FormatFloat(v, 'g', -1, 64))
		}
		return out
	}
	step := round((s.high/2 - s.low/2) / 2)
	if math.Floor(s.high/step)-math.Ceil(s.low/step) < 1 { // a single label would not show the scale
		step = round((s.high/2 - s.low/2) / 4)
	}
	for k := math.Ceil(s.low / step); k*step <= s.high && len(out) < 8; k++ {
		add(k*step, label(k*step, step))
	}
	return out
}

// round returns 1, 2 or 5 times a power of ten, at least v.
func round(v float64) float64 {
	p := math.Pow(10, math.Floor(math.Log10(v)))
	for _, k := range [...]float64{1, 2, 5} {
		if v <= k*p*1.0001 {
			return k * p
		}
	}
	return 10 * p
}

// label formats v with the digits that step needs.
func label(v, step float64) string {
	if math.Abs(v) < step/2 {
		return "0"
	}
	if size := math.Abs(v); size >= 1e6 || size < 1e-4 {
		digits := 2 + max(0, int(math.Log10(size/step)))
		return strconv.FormatFloat(v, 'g', min(digits, 15), 64)
	}
	return strconv.FormatFloat(v, 'f', min(max(0, int(math.Ceil(-math.Log10(step)-1e-9))), 9), 64)
}

// Number formats v for people, with five digits; NaN and infinities are –.
func Number(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "–"
	}
	if size := math.Abs(v); size >= 1e-3 && size < 1e6 {
		digits := 4 - int(math.Floor(math.Log10(size)))
		s := strconv.FormatFloat(v, 'f', max(digits, 0), 64)
		for digits > 0 && (s[len(s)-1] == '0' || s[len(s)-1] == '.') {
			if s[len(s)-1] == '.' {
				return s[:len(s)-1]
			}
			s = s[:len(s)-1]
		}
		return s
	}
	return strconv.FormatFloat(v, 'g', 4, 64)
}

// Across returns the position of v on a drawing that is Plane units wide.
func (s Scale) Across(v float64) float64 { return float64(tall - s.y(v)) }

// Plane is the width of a drawing whose horizontal axis is a Scale.
const Plane = tall

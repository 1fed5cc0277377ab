package htmlreport

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"iot-edge-anomaly/agent/chart"
	"iot-edge-anomaly/agent/detect"
)

// count writes n with commas, and its noun with an s where there are several.
func count(n int, noun string) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	if noun == "" {
		return s
	}
	if n != 1 {
		noun += "s"
	}
	return s + " " + noun
}

// percentOf writes a part in per cent, or – if the whole is 0.
func percentOf(part, whole float64) string {
	if !(whole > 0) {
		return "–"
	}
	return percent(part)
}

func percent(part float64) string {
	switch p := 100 * part; {
	case p > 0 && p < 0.1:
		return "below 0.1 %"
	case p < 10:
		return fmt.Sprintf("%.1f %%", p)
	default:
		return fmt.Sprintf("%.0f %%", p)
	}
}

// part is v / whole, or 0 if the whole is 0.
func part(v, whole float64) float64 {
	if !(whole > 0) {
		return 0
	}
	return v / whole
}

func total(v []float64) (sum float64) {
	for _, x := range v {
		sum += x
	}
	return sum
}

// listed joins the names, at most most of them.
func listed(names []string, most int) string {
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

// score writes a score with its significant digits.
func score(v float64) string {
	switch {
	case math.IsNaN(v):
		return "–"
	case v < 10:
		return strconv.FormatFloat(v, 'f', 2, 64)
	case v < 100:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return chart.Number(math.Round(v))
}

// rough writes two digits of a number below 100, else its whole part.
func rough(v float64) string {
	if v >= 100 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.2g", v)
}

// until writes b, without the date if a has the same.
func until(a, b time.Time) string {
	if d := chart.Date(a); d == chart.Date(b) && !b.IsZero() {
		return strings.TrimPrefix(chart.Time(b), d+" ")
	}
	return chart.Time(b)
}

// value is a number with its unit.
func value(v float64, unit string) string {
	if unit == "" || math.IsNaN(v) {
		return chart.Number(v)
	}
	return chart.Number(v) + " " + unit
}

// fourDigits writes an estimate with four digits.
func fourDigits(v float64) string {
	if short, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 4, 64), 64); err == nil {
		v = short
	}
	return chart.Number(v)
}

func unitWords(unit string) string {
	if unit == "" {
		return "unit not stated"
	}
	return "in " + unit
}

// causeWords tells a cause within a sentence.
func causeWords(c detect.Cause) string {
	s := fmt.Sprintf("%s (%s)", c.Channel, percent(c.Share))
	if math.IsNaN(c.Value) || math.IsNaN(c.Expected) {
		return s
	}
	return fmt.Sprintf("%s: it read %s where %s was expected", s, value(c.Value, c.Unit), strings.TrimRight(fourDigits(c.Expected)+" "+c.Unit, " "))
}

// cause tells one channel's part in an event.
func cause(c detect.Cause) string {
	s := c.Channel + " " + percent(c.Share)
	if math.IsNaN(c.Value) {
		return s + ": no value"
	}
	s += ": " + value(c.Value, c.Unit)
	if !math.IsNaN(c.Expected) {
		s += ", expected " + fourDigits(c.Expected)
	}
	if c.Direction != "" {
		s += " (" + c.Direction + ")"
	}
	return s
}

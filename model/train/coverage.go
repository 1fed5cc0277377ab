package train

import (
	"fmt"
	"strings"
	"time"
)

// Coverage marks the hours of a week, Sunday's first hour at 0, in which a machine
// was learnt; in local time.
type Coverage [7 * 24]bool

// weekSince is before any deployment: an earlier clock has not been set.
const weekSince = 2020

// Mark adds the hour of t. It reports false, and adds nothing, where the clock
// had not been set.
func (w *Coverage) Mark(t time.Time) bool {
	t = t.Local()
	if t.Year() < weekSince {
		return false
	}
	w[24*int(t.Weekday())+t.Hour()] = true
	return true
}

// hours are those of the day in which nothing was learnt on any day.
func (w *Coverage) hours() (missing [24]bool, n int) {
	for h := range missing {
		missing[h] = true
		for d := range 7 {
			missing[h] = missing[h] && !w[24*d+h]
		}
		if missing[h] {
			n++
		}
	}
	return missing, n
}

// days are those of the week on which something was learnt, and on which not,
// Monday first.
func (w *Coverage) days() (seen, missing []string) {
	for i := range 7 {
		d := (i + 1) % 7
		some := false
		for h := range 24 {
			some = some || w[24*d+h]
		}
		if some {
			seen = append(seen, time.Weekday(d).String())
		} else {
			missing = append(missing, time.Weekday(d).String())
		}
	}
	return seen, missing
}

// doubts are sentences about hours and days in which nothing was learnt.
func (w *Coverage) doubts() (out []string) {
	const what = "what the machine does then may be called an anomaly"
	if missing, n := w.hours(); n > 0 && n < 24 {
		out = append(out, fmt.Sprintf("nothing was learnt %s: %s", spans(missing), what))
	}
	switch seen, missing := w.days(); {
	case len(seen) == 0 || len(missing) == 0:
	case len(seen) <= 3:
		out = append(out, fmt.Sprintf("learnt on %s only: what the machine does on other days may be called an anomaly", list(seen)))
	default:
		out = append(out, fmt.Sprintf("nothing was learnt on %s: %s", list(missing), what))
	}
	return out
}

// spans puts hours of the day into words; one span may pass midnight.
func spans(hours [24]bool) string {
	var out []string
	for h := range 24 {
		if !hours[h] || hours[(h+23)%24] {
			continue
		}
		end := h + 1
		for hours[end%24] {
			end++
		}
		out = append(out, fmt.Sprintf("from %02d:00 to %02d:00", h, end%24))
	}
	return list(out)
}

// list joins words: "a, b and c".
func list(words []string) string {
	n := len(words)
	if n < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:n-1], ", ") + " and " + words[n-1]
}

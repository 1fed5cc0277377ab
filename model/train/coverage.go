package train

import (
	"fmt"
	"strings"
	"time"
)

// Coverage marks the hours of a week, in local time, from which a machine was learnt; 0 is
// the first hour of Sunday.
type Coverage [7 * 24]bool

// coverageSince is before any deployment: an earlier time means an unset clock.
const coverageSince = 2020

// Mark adds the hour of t. It reports false, and adds nothing, if the clock was not set.
func (c *Coverage) Mark(t time.Time) bool {
	t = t.Local()
	if t.Year() < coverageSince {
		return false
	}
	c[24*int(t.Weekday())+t.Hour()] = true
	return true
}

// hours returns the hours of the day that no day covers, and their number.
func (c *Coverage) hours() (missing [24]bool, n int) {
	for h := range missing {
		missing[h] = true
		for d := range 7 {
			missing[h] = missing[h] && !c[24*d+h]
		}
		if missing[h] {
			n++
		}
	}
	return missing, n
}

// days returns the days of the week that are covered and those that are not, Monday
// first.
func (c *Coverage) days() (seen, missing []string) {
	for i := range 7 {
		d := (i + 1) % 7
		some := false
		for h := range 24 {
			some = some || c[24*d+h]
		}
		if some {
			seen = append(seen, time.Weekday(d).String())
		} else {
			missing = append(missing, time.Weekday(d).String())
		}
	}
	return seen, missing
}

// warnings returns sentences about hours and days that are not covered.
func (c *Coverage) warnings() (out []string) {
	const what = "what the machine does then may be reported as an anomaly"
	if missing, n := c.hours(); n > 0 && n < 24 {
		out = append(out, fmt.Sprintf("nothing was learnt %s: %s", spans(missing), what))
	}
	switch seen, missing := c.days(); {
	case len(seen) == 0 || len(missing) == 0:
	case len(seen) <= 3:
		out = append(out, fmt.Sprintf("learnt on %s only: what the machine does on other days may be reported as an anomaly", list(seen)))
	default:
		out = append(out, fmt.Sprintf("nothing was learnt on %s: %s", list(missing), what))
	}
	return out
}

// spans describes hours of the day in words; one span may pass midnight.
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

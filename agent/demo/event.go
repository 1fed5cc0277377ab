package demo

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"
	"unicode"
)

// Message is one MQTT message as a subscriber receives it.
type Message struct {
	Topic   string
	Payload []byte
}

// event is the part of a payload on the topic event that the view reads; its schema is
// in docs/.
type event struct {
	ID       string    `json:"id"`
	Machine  string    `json:"machine"`
	Kind     string    `json:"kind"`
	State    string    `json:"state"`
	Event    string    `json:"event"`
	Time     time.Time `json:"time"`
	Since    time.Time `json:"since"`
	Severity string    `json:"severity"`
	Score    *float64  `json:"score"`
	Peak     *float64  `json:"peak"`
	Percent  *float64  `json:"percentile"`
	Duration *float64  `json:"duration_s"`
	Reason   string    `json:"reason"`
	Detail   string    `json:"detail"` // what is wrong, of a fault
	Missing  []string  `json:"missing"`
	Causes   []struct {
		Channel   string   `json:"channel"`
		Unit      string   `json:"unit"`
		Share     *float64 `json:"share"`
		Value     *float64 `json:"value"`
		Expected  *float64 `json:"expected"`
		Limit     *float64 `json:"limit"` // of a limit event, instead of Expected
		Direction string   `json:"direction"`
	} `json:"causes"`
}

// machineState is the part of a payload on machine/<name> that the view reads.
type machineState struct {
	State string    `json:"state"`
	Time  time.Time `json:"time"`
}

// shownCauses is how many causes follow the line of an event.
const shownCauses = 3

// lines describes an event: a headline without time and machine, and lines for its
// causes.
func (e *event) lines() (head string, causes []string) {
	words := []string{strings.ReplaceAll(clean(e.Kind), "_", " ")}
	if e.State == "close" {
		if e.Duration != nil {
			words[0] += fmt.Sprintf(" after %.0f s", *e.Duration)
		}
		if e.Peak != nil {
			words = append(words, fmt.Sprintf("peak score %.2f", *e.Peak))
		}
	} else {
		if e.Severity != "" {
			words = append(words, clean(e.Severity))
		}
		if age := e.Time.Sub(e.Since); e.State == "open" && !e.Since.IsZero() && age >= time.Second {
			words = append(words, fmt.Sprintf("for %.0f s", age.Seconds()))
		}
		if e.Score != nil && e.State == "open" {
			words = append(words, fmt.Sprintf("score %.2f%s", *e.Score, ofNormal(e.Percent)))
		} else if e.Score != nil {
			words = append(words, fmt.Sprintf("score %.2f", *e.Score))
		}
	}
	if e.Reason != "" {
		words = append(words, clean(e.Reason))
	}
	if e.State == "close" {
		return strings.Join(words, ", "), nil
	}
	for i, c := range e.Causes {
		if i == shownCauses {
			break
		}
		causes = append(causes, strings.TrimRight(fmt.Sprintf("%-22s %4s  %s", clean(c.Channel), percent(c.Share),
			comparison(c.Value, c.Expected, c.Limit, clean(c.Unit), clean(c.Direction))), " "))
	}
	if e.Detail != "" {
		causes = append(causes, clean(e.Detail))
	}
	if len(e.Missing) > 0 {
		causes = append(causes, "missing: "+clean(strings.Join(e.Missing, ", ")))
	}
	return strings.Join(words, ", "), causes
}

// comparison is "12.3 m³/h, expected 33.5 m³/h (below)", as far as it is known, or
// "15.2 A, limit 15 A (above)".
func comparison(value, expected, limit *float64, unit, direction string) string {
	s := quantity(value, unit)
	if expected != nil {
		s += ", expected " + quantity(expected, unit)
	}
	if limit != nil {
		s += ", limit " + quantity(limit, unit)
	}
	if direction != "" {
		s += " (" + direction + ")"
	}
	return s
}

// quantity formats a number with three or four significant digits, and its unit.
func quantity(f *float64, unit string) string {
	switch {
	case f == nil:
		return "missing"
	case *f >= 1000 || *f <= -1000:
		return strings.TrimRight(fmt.Sprintf("%.0f %s", *f, unit), " ")
	}
	return strings.TrimRight(fmt.Sprintf("%.4g %s", *f, unit), " ")
}

// ofNormal says which share of the learning scores is below a score; never all of them.
func ofNormal(percentile *float64) string {
	if percentile == nil {
		return ""
	}
	return fmt.Sprintf(" (above %.5g %% of normal)", math.Floor(100**percentile)/100)
}

func percent(share *float64) string {
	if share == nil {
		return ""
	}
	return fmt.Sprintf("%.0f %%", 100**share)
}

// decode reads a payload; it returns false if the agent did not write it.
func decode(payload []byte, into any) bool { return json.Unmarshal(payload, into) == nil }

// clean removes from a text what could control a terminal.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return -1
	}, s)
}

package model

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// ErrSchema marks a model that was learnt with other channels, another period or
// another operating condition than the machine has.
var ErrSchema = errors.New("model does not fit the machine")

// Hash returns 64 hex digits that are equal for equal schemas: same channel
// names and units in the same order, same period, same condition.
func (s Schema) Hash() string {
	var b strings.Builder
	fmt.Fprintf(&b, "period %d\n", s.Period.Nanoseconds())
	b.WriteString("run_when " + s.RunWhen.text() + "\n")
	for _, c := range s.Channels {
		fmt.Fprintf(&b, "channel %q %q\n", c.Name, c.Unit)
	}
	sum := sha256.Sum256([]byte(b.String()))
	return hex.EncodeToString(sum[:])
}

// text writes a condition for people and for Hash; a nil condition is "always".
func (c *Condition) text() string {
	if c == nil {
		return "always"
	}
	t := strconv.Quote(c.Channel)
	if !math.IsNaN(c.Above) {
		t += " above " + strconv.FormatFloat(c.Above, 'g', -1, 64)
	}
	if !math.IsNaN(c.Below) {
		t += " below " + strconv.FormatFloat(c.Below, 'g', -1, 64)
	}
	return t + " settle " + c.Settle.String()
}

// CheckSchema checks that the model may score rows of s. Names, units and order of
// the channels, the period and the condition must be equal; a unit or period that
// one side does not state matches any. The error wraps ErrSchema and names the first
// difference.
func (m *Model) CheckSchema(s Schema) error {
	own := m.p.Schema
	for i := 0; i < len(own.Channels) && i < len(s.Channels); i++ {
		a, b := own.Channels[i], s.Channels[i]
		if a.Name != b.Name {
			return fmt.Errorf("channel %d: learnt %q, configured %q: %w", i+1, a.Name, b.Name, ErrSchema)
		}
		if a.Unit != b.Unit && a.Unit != "" && b.Unit != "" {
			return fmt.Errorf("channel %q: learnt in %q, configured in %q: %w", a.Name, a.Unit, b.Unit, ErrSchema)
		}
	}
	if a, b := len(own.Channels), len(s.Channels); a > b {
		return fmt.Errorf("channel %q: learnt, not configured: %w", own.Channels[b].Name, ErrSchema)
	} else if a < b {
		return fmt.Errorf("channel %q: configured, not learnt: %w", s.Channels[a].Name, ErrSchema)
	}
	if own.Period != s.Period && own.Period != 0 && s.Period != 0 {
		return fmt.Errorf("period: learnt %s, configured %s: %w", own.Period, s.Period, ErrSchema)
	}
	if a, b := own.RunWhen.text(), s.RunWhen.text(); a != b {
		return fmt.Errorf("run_when: learnt %s, configured %s: %w", a, b, ErrSchema)
	}
	return nil
}

// index returns the position of the named channel, -1 if there is none.
func (s Schema) index(name string) int {
	for i, c := range s.Channels {
		if c.Name == name {
			return i
		}
	}
	return -1
}

// clone returns a copy that shares no memory with s.
func (s Schema) clone() Schema {
	s.Channels = append([]Channel(nil), s.Channels...)
	if s.RunWhen != nil {
		c := *s.RunWhen
		s.RunWhen = &c
	}
	return s
}

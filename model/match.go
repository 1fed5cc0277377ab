package model

import (
	"fmt"
	"strings"
)

// Match tells how a model's channels lie in rows of other channels. A channel is the
// same if it has the same name and the same unit; a unit that one side does not state
// is that of the other.
type Match struct {
	Index   []int    // (C of the model) position in the rows, -1 = masked
	Removed []string // channels of the model that the rows do not have
	Added   []string // channels of the rows that the model does not know
	Units   []string // channels of both, in other units: such as "pump.temp in K, learnt in °C"
}

// Match matches the model's channels with those of rows.
func (m *Model) Match(channels []Channel) Match {
	own := m.p.Schema.Channels
	t := Match{Index: make([]int, len(own))}
	known := make([]bool, len(channels))
	at := map[string]int{}
	for i, c := range channels {
		at[c.Name] = i
	}
	for j, a := range own {
		t.Index[j] = -1
		i, there := at[a.Name]
		if !there {
			t.Removed = append(t.Removed, a.Name)
			continue
		}
		known[i] = true
		if b := channels[i].Unit; a.Unit != b && a.Unit != "" && b != "" {
			t.Units = append(t.Units, fmt.Sprintf("%s in %s, learnt in %s", a.Name, b, a.Unit))
			continue
		}
		t.Index[j] = i
	}
	for i, c := range channels {
		if !known[i] {
			t.Added = append(t.Added, c.Name)
		}
	}
	return t
}

// Whole tells that the model knows every channel of the rows, and no other.
func (t *Match) Whole() bool {
	return len(t.Removed) == 0 && len(t.Added) == 0 && len(t.Units) == 0
}

// InOrder tells that the rows are the model's rows as they are.
func (t *Match) InOrder(channels int) bool {
	for j, i := range t.Index {
		if i != j {
			return false
		}
	}
	return len(t.Index) == channels
}

// masked counts the model's channels that the rows cannot give it.
func (t *Match) masked() (n int) {
	for _, i := range t.Index {
		if i < 0 {
			n++
		}
	}
	return n
}

// String says what has changed, for people; "" if the match is whole.
func (t *Match) String() string {
	var parts []string
	for _, p := range []struct {
		what  string
		names []string
	}{{"removed", t.Removed}, {"added", t.Added}, {"in another unit", t.Units}} {
		if len(p.names) > 0 {
			parts = append(parts, p.what+" since it was learnt: "+listed(p.names))
		}
	}
	return strings.Join(parts, "; ")
}

// listed are the first three names and how many more there are.
func listed(names []string) string {
	const most = 3
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	others := "others"
	if len(names) == most+1 {
		others = "other"
	}
	return fmt.Sprintf("%s and %d %s", strings.Join(names[:most], ", "), len(names)-most, others)
}

// Usable tells whether the model can judge rows of s, if need be without some of its
// channels: its period and its condition must be those of s, and at least half of its
// channels must be there. The error wraps ErrSchema.
func (m *Model) Usable(s Schema) (Match, error) {
	t := m.Match(s.Channels)
	own := m.p.Schema
	switch a, b := own.RunWhen.text(), s.RunWhen.text(); {
	case own.Period != s.Period && own.Period != 0 && s.Period != 0:
		return t, fmt.Errorf("period: learnt %s, configured %s: %w", own.Period, s.Period, ErrSchema)
	case a != b:
		return t, fmt.Errorf("run_when: learnt %s, configured %s: %w", a, b, ErrSchema)
	case 2*t.masked() > len(own.Channels):
		return t, fmt.Errorf("%d of its %d channels are not configured (%s): %w", t.masked(), len(own.Channels), t.String(), ErrSchema)
	}
	return t, nil
}

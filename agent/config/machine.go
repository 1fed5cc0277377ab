package config

import (
	"math"
	"path"
	"slices"
	"strings"
	"time"
)

func defaultMachine(c *Config, name string) Machine {
	return Machine{
		Name:     name,
		Channels: []string{"*"},
		Period:   time.Second,
		Model: Model{
			Path:  c.State + "/models/" + name,
			Learn: Learn{For: 24 * time.Hour, When: "no_model", Duty: 0.5},
		},
		Detect: Detect{N: 3, M: 5, CloseBelow: 0.8, Hold: 30 * time.Second, Repeats: 24 * time.Hour, Update: time.Minute, FalseAlarms: 1, High: 1.5, Critical: 3},
		Drift:  Drift{After: 24 * time.Hour},
	}
}

func (v value) machines(c *Config) {
	byName := map[string]Pos{}
	byPath := map[string]string{}
	v.list(func(_ int, v value) {
		m := defaultMachine(c, "")
		m.Pos = v.pos
		v.machine(c, &m)
		if first, twice := byName[m.Name]; twice && m.Name != "" {
			v.fail("give it another name", "machine %q stands here a second time, first in line %d", m.Name, first.Line)
		} else if other := byPath[m.Model.Path]; other != "" && m.Name != "" {
			v.fail("give each machine its own", "model.path is that of machine %q", other)
		}
		byName[m.Name], byPath[m.Model.Path] = m.Pos, m.Name
		c.Machines = append(c.Machines, m)
	})
	if v.node.Kind == yamlSequence && len(v.node.Content) == 0 {
		v.fail("leave the key out for one machine with every channel", "the list is empty")
	}
}

func (v value) machine(c *Config, m *Machine) {
	periodKnown := true
	v.object(map[string]string{"sensors": `write channels: ["sensor.*"]`},
		need("name", func(v value) {
			if v.label(&m.Name) {
				m.Model.Path = c.State + "/models/" + m.Name
			}
		}),
		key("channels", func(v value) { v.channels(m) }),
		key("period", func(v value) {
			before := len(v.p.problems)
			v.duration(&m.Period, 10*time.Millisecond, 24*time.Hour)
			periodKnown = len(v.p.problems) == before
		}),
		key("model", func(v value) { v.model(m) }),
		key("detect", func(v value) { v.detect(&m.Detect) }),
		key("drift", func(v value) { v.drift(&m.Drift) }),
		key("run_when", func(v value) {
			m.Resolved = v.p.resolve(m.Channels, nil)
			v.runWhen(m)
		}),
	)
	if m.Resolved == nil {
		m.Resolved = v.p.resolve(m.Channels, nil)
	}
	if periodKnown { // else its fault alone is told, not what follows from the default
		v.checkLearnFor(m)
	}
}

// channels reads the patterns; each must match a channel.
func (v value) channels(m *Machine) {
	m.Channels = nil
	v.list(func(_ int, v value) {
		var pattern string
		if !v.someText(&pattern) {
			return
		}
		if slices.Contains(m.Channels, pattern) {
			v.fail("remove one of both", "%q stands in the list twice", quoteShort(pattern))
			return
		}
		m.Channels = append(m.Channels, pattern)
		v.p.resolve([]string{pattern}, &v)
	})
	if v.node.Kind == yamlSequence && len(v.node.Content) == 0 {
		v.fail(`write ["*"] for every channel`, "the list is empty")
	}
}

// resolve lists the channels that patterns match, each once, in the order of
// the patterns and then of the sensors. Where at is not nil, a pattern that
// matches none is reported there.
func (p *parser) resolve(patterns []string, at *value) []ChannelRef {
	var out []ChannelRef
	seen := map[string]bool{}
	for _, pattern := range patterns {
		matched := false
		for _, sensor := range p.channels {
			for _, c := range sensor {
				if ok, err := path.Match(pattern, c.Channel); err != nil || !ok {
					continue
				}
				matched = true
				if !seen[c.Channel] {
					seen[c.Channel] = true
					out = append(out, c)
				}
			}
		}
		if !matched && at != nil {
			at.unmatched(pattern)
		}
	}
	return out
}

// unmatched explains a pattern without a channel. Where a sensor is faulty its
// channels are unknown, so nothing is said.
func (v value) unmatched(pattern string) {
	var names []string
	for _, sensor := range v.p.channels {
		if len(sensor) == 0 {
			return
		}
		for _, c := range sensor {
			names = append(names, c.Channel)
			if prefix, _, _ := strings.Cut(c.Channel, "."); prefix == pattern {
				v.fail(`write "`+pattern+`.*"`, "%q is a sensor, not a channel", pattern)
				return
			}
		}
	}
	if _, err := path.Match(pattern, ""); err != nil {
		v.fail("use * and ? only", "%q is no pattern", quoteShort(pattern))
		return
	}
	if strings.ContainsAny(pattern, "*?[") {
		v.fail("the channels are "+listed(names), "%q matches no channel", quoteShort(pattern))
		return
	}
	v.fail(didYouMean(pattern, names), "unknown channel %q", quoteShort(pattern))
}

func (v value) runWhen(m *Machine) {
	r := &RunWhen{Pos: v.pos, Above: math.NaN(), Below: math.NaN()}
	ok := v.object(nil,
		need("channel", func(v value) {
			if v.text(&r.Channel) {
				v.checkRunChannel(r.Channel, m)
			}
		}),
		key("above", func(v value) { v.number(&r.Above) }),
		key("below", func(v value) { v.number(&r.Below) }),
		key("settle", func(v value) { v.duration(&r.Settle, 0, 24*time.Hour) }),
	)
	if !ok {
		return
	}
	if math.IsNaN(r.Above) && math.IsNaN(r.Below) {
		v.fail("say when the machine runs: above: 5", "above or below is missing")
	}
	if r.Above >= r.Below {
		v.fail("the machine runs between both", "above %g is not less than below %g", r.Above, r.Below)
	}
	m.RunWhen = r
}

func (v value) checkRunChannel(name string, m *Machine) {
	var names []string
	for _, c := range m.Resolved {
		if c.Channel == name {
			return
		}
		names = append(names, c.Channel)
	}
	for _, sensor := range v.p.channels {
		if len(sensor) == 0 {
			return // its channels are unknown
		}
		for _, c := range sensor {
			if c.Channel == name {
				v.fail("add it to the machine's channels", "channel %q is not one of machine %q", name, m.Name)
				return
			}
		}
	}
	v.fail(didYouMean(name, names), "unknown channel %q", quoteShort(name))
}

func (v value) model(m *Machine) {
	v.object(nil,
		key("path", func(v value) { v.file(&m.Model.Path) }),
		key("learn", func(v value) {
			l := &m.Model.Learn
			v.object(nil,
				key("for", func(v value) { v.duration(&l.For, time.Second, 366*24*time.Hour) }),
				key("when", func(v value) { v.enum(&l.When, "policy", nil, "no_model", "never") }),
				key("duty", func(v value) { v.numberIn(&l.Duty, 0.01, 1) }),
			)
		}),
	)
}

// minRows is the least that anything can be learnt from; a day is the default.
const minRows = 100

// checkLearnFor stands at the machine, because either the span or the period
// may be the one to change.
func (v value) checkLearnFor(m *Machine) {
	l := m.Model.Learn
	if rows := int64(l.For / m.Period); rows < minRows && l.When != "never" {
		v.fail("learn for longer, or shorten the period", "model.learn.for %s has %d rows at period %s, want %d or more",
			showDuration(l.For), rows, showDuration(m.Period), minRows)
	}
}

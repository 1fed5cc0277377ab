package config

import (
	"slices"
	"strconv"
	"time"
)

// Measurand is what the configuration says of a channel that it lists itself: a
// register of a Modbus device, or an input or register of a chip.
type Measurand struct {
	Pos
	Name   string
	UnitOf string // physical unit, "A"
	Scale  float64
	Offset float64
	Range  *Range  // nil = any value is possible
	Limits *Limits // nil = none
	Own    Values  // the driver's own keys of the channel
}

// Range is what a value can be; outside it is suspect and not scored.
type Range struct{ Min, Max float64 }

// Checks are what a channel's values may do beside staying in their range. A
// value that fails one is suspect and not scored. 0 = not checked.
type Checks struct {
	MaxRate   float64       // fastest change, in units per second
	MaxSpike  float64       // greatest difference between a value and the one before
	FlatAfter time.Duration // longest time without a change
	FlatBand  float64       // a change up to this does not count as one
}

// measurandRows are the keys of every channel that the configuration lists.
var measurandRows = []row[*Measurand]{
	{Key: Key{Name: "name", Kind: Name, Need: true, Example: "speed",
		Help: "Name of the channel; with the sensor's name before it, `pump.speed`, it is the channel's name in messages, recordings and models."},
		into: func(m *Measurand) any { return &m.Name }},
	{Key: Key{Name: "unit", Kind: Text, Max: "16", Default: `""`, Empty: "dimensionless", Example: "Hz",
		Help: "Physical unit of the value after scaling."},
		into: func(m *Measurand) any { return &m.UnitOf }},
	{Key: Key{Name: "scale", Kind: Number, Default: "1", Example: "0.1", Check: notZero,
		Help: "What the raw number is multiplied by: value = raw * scale + offset."},
		into: func(m *Measurand) any { return &m.Scale }},
	{Key: Key{Name: "offset", Kind: Number, Default: "0", Example: "-273.15",
		Help: "What is added after scaling."},
		into: func(m *Measurand) any { return &m.Offset }},
	{Key: Key{Name: "range", Kind: Interval, Without: "any value", Example: "[0, 60]",
		Help: "What the value can be; a value outside it is suspect, and is neither scored nor learnt."},
		into: func(m *Measurand) any { return &m.Range }},
	{Key: Key{Name: "limits", Kind: kindMapping, Without: "none", Example: "{warn: 12, alarm: 15}",
		Help: "Fixed alarm limits of the channel; they hold from the first minute, without a model."},
		read: func(v value, m *Measurand) { m.Limits = v.limits(m.Range, m.UnitOf) }},
}

func notZero(x any) []Fault {
	if x.(float64) != 0 {
		return nil
	}
	return []Fault{{Message: "scale is 0", Hint: "every value would read as the offset"}}
}

// checkRows stand at each register of a Modbus sensor, and by channel below
// "checks" at other sensors.
var checkRows = []row[*Checks]{
	{Key: Key{Name: "max_rate", Kind: Number, Unit: "per second", Above: "0", Without: "not checked", Example: "5",
		Also: []string{"sensors[].checks.CHANNEL.max_rate"},
		Help: "Fastest change that is possible; a value that has changed faster is suspect."},
		into: func(c *Checks) any { return &c.MaxRate }},
	{Key: Key{Name: "max_spike", Kind: Number, Above: "0", Without: "not checked", Example: "10",
		Also: []string{"sensors[].checks.CHANNEL.max_spike"},
		Help: "Greatest difference between two readings in a row that is possible; a value that is farther from the one before is suspect."},
		into: func(c *Checks) any { return &c.MaxSpike }},
	{Key: Key{Name: "flat_after", Kind: Duration, Min: "1s", Max: "30d", Without: "not checked", Example: "10m",
		Also: []string{"sensors[].checks.CHANNEL.flat_after"},
		Help: "Longest time that the value can stay the same; after that it is suspect. At least five periods of reading."},
		into: func(c *Checks) any { return &c.FlatAfter }},
	{Key: Key{Name: "flat_band", Kind: Number, Above: "0", Without: "every change counts", Example: "0.02",
		Also: []string{"sensors[].checks.CHANNEL.flat_band"},
		Help: "A change up to this does not count for `flat_after`."},
		read: func(v value, c *Checks) {
			if x, ok := v.number(); ok {
				c.FlatBand = x
			}
			if c.FlatAfter == 0 {
				v.fail("add flat_after, such as 10m", "flat_band does nothing without flat_after")
			}
		}},
}

// checkKeys are the checks of one channel of a sensor that is not Modbus.
var checkKeys = section[*Checks]{path: "sensors[].checks.CHANNEL", rows: checkRows,
	others: map[string]string{"range": "write ranges: {channel: [min, max]}"},
	check: func(v value, c *Checks, _ given) {
		if len(v.node.Content) == 0 {
			v.fail("use max_rate, max_spike, flat_after or flat_band", "nothing is checked")
		}
	}}

// measurandReader reads a channel with the driver's own keys of it.
type measurandReader struct {
	*Measurand
	own own
}

var measurandKeys = section[*measurandReader]{
	rows:    shared(measurandRows, func(r *measurandReader) *Measurand { return r.Measurand }),
	foreign: func(e entry, r *measurandReader, _ bool, names []string) bool { r.own.take(e, names); return true },
}

// namedKeys are the same of a channel whose name stands before it.
var namedKeys = section[*measurandReader]{
	rows:    slices.DeleteFunc(slices.Clone(measurandKeys.rows), func(r row[*measurandReader]) bool { return r.Name == "name" }),
	foreign: measurandKeys.foreign,
}

// measurand reads one channel with the keys of s and those of the key that lists
// the channels.
func (k *Key) measurand(e value, s *section[*measurandReader]) Measurand {
	m := Measurand{Pos: e.pos}
	r := &measurandReader{&m, own{rows: k.Keys, others: k.Others}}
	if s.read(e, r) {
		vs, g, good := r.own.read(e, "")
		if m.Own = vs; good && k.Check != nil {
			e.tell(k.Check(vs), g)
		}
	}
	return m
}

// measurands reads the channels that a driver's own key lists.
func (v value) measurands() (out []Measurand, ok bool) {
	k, before := v.key, len(v.p.problems)
	v.named("channel", func(_ int, e value) string {
		m := k.measurand(e, &measurandKeys)
		out = append(out, m)
		return m.Name
	})
	return out, v.p.good(before)
}

// measurandsByName reads the channels that a driver's own key has by name.
func (v value) measurandsByName() (out []Measurand, ok bool) {
	k, before := v.key, len(v.p.problems)
	entries, ok := v.mapping()
	if !ok {
		return nil, false
	}
	if len(entries) == 0 {
		return nil, v.fail("add a channel, such as "+k.Example, "no channel")
	}
	most := len(entries)
	if n, err := strconv.Atoi(k.Max); err == nil {
		most = n
	}
	for i, e := range entries {
		if i == most {
			e.at.fail("split it into two sensors", "more than %d channels", most)
			break
		}
		e.at.checkLabel(e.name)
		m := k.measurand(e.value, &namedKeys)
		m.Pos, m.Name = e.at.pos, e.name
		out = append(out, m)
	}
	return out, v.p.good(before)
}

// named reads a list of mappings that have names of their own. read reads one and
// gives its name.
func (v value) named(what string, read func(i int, e value) string) {
	first, most := map[string]int{}, len(v.node.Content)
	if n, err := strconv.Atoi(v.key.Max); err == nil {
		most = n
	}
	v.list(func(i int, e value) {
		if i >= most {
			if i == most {
				e.fail("split it into two sensors", "more than %d elements", most)
			}
			return
		}
		name := read(i, e)
		if line := first[name]; line > 0 && name != "" {
			e.fail("give it another name", "%s %q appears twice, first in line %d", what, name, line)
		} else {
			first[name] = e.pos.Line
		}
	})
	v.notEmpty()
}

package config

import (
	"fmt"
	"math"
)

// Limits are static alarm limits; NaN = not set.
type Limits struct {
	Warn, Alarm, WarnLow, AlarmLow float64

	Zones string // the standard that Warn and Alarm begin zones C and D of; empty = none
}

// limitReader reads the limits of a channel.
type limitReader struct {
	Limits
	within *Range // of the channel; nil = unbounded
	unit   string // of the channel
}

var limitKeys = section[*limitReader]{
	path: "sensors[].registers[].limits",
	also: []string{"sensors[].limits.CHANNEL"},
	help: "Alarm limits of a channel. At least one; in the order alarm_low, warn_low, warn, alarm, and inside the channel's range.",
	rows: []row[*limitReader]{
		below(Key{Name: "iso20816", Without: "none", Example: "{group: 2, foundation: rigid}",
			Help: "Takes `warn` and `alarm` from ISO 20816-3: where zones C and D begin. Only for a channel in mm/s."},
			&isoKeys, func(l *limitReader) *isoReader { return &isoReader{limits: l} }),
		{Key: Key{Name: "warn", Kind: Number, Unit: "unit of the channel", Without: "none", Example: "12",
			Help: "A value above it opens a limit event of severity warning."},
			read: func(v value, l *limitReader) { l.upper(v, &l.Warn) }},
		{Key: Key{Name: "alarm", Kind: Number, Unit: "unit of the channel", Without: "none", Example: "15",
			Help: "A value above it makes the limit event critical."},
			read: func(v value, l *limitReader) { l.upper(v, &l.Alarm) }},
		{Key: Key{Name: "warn_low", Kind: Number, Unit: "unit of the channel", Without: "none", Example: "2",
			Help: "A value below it opens a limit event of severity warning."},
			read: func(v value, l *limitReader) { l.limit(v, &l.WarnLow) }},
		{Key: Key{Name: "alarm_low", Kind: Number, Unit: "unit of the channel", Without: "none", Example: "1",
			Help: "A value below it makes the limit event critical."},
			read: func(v value, l *limitReader) { l.limit(v, &l.AlarmLow) }},
	},
}

// isoZones are the zone boundaries A/B, B/C and C/D of ISO 20816-3:2022, tables
// A.1 (group 1) and A.2 (group 2): RMS vibration velocity on non-rotating parts,
// 10 to 1000 Hz, in mm/s. They are those of ISO 10816-3:2009.
var isoZones = map[isoMachine][3]float64{
	{1, "rigid"}:    {2.3, 4.5, 7.1},
	{1, "flexible"}: {3.5, 7.1, 11.0},
	{2, "rigid"}:    {1.4, 2.8, 4.5},
	{2, "flexible"}: {2.3, 4.5, 7.1},
}

// isoMachine is how the standard sorts machines: group 1 above 300 kW (shaft
// height from 315 mm), group 2 from 15 to 300 kW (160 to 315 mm), by the support
// in the direction measured.
type isoMachine struct {
	group      int
	foundation string
}

type isoReader struct {
	isoMachine
	limits *limitReader
}

var isoKeys = section[*isoReader]{
	path: "sensors[].registers[].limits.iso20816",
	also: []string{"sensors[].limits.CHANNEL.iso20816"},
	help: "How ISO 20816-3 sorts the machine.",
	rows: []row[*isoReader]{
		{Key: Key{Name: "group", Kind: Integer, Min: "1", Max: "2", Need: true, Example: "2",
			Help: "1: above 300 kW (shaft height from 315 mm); 2: 15 to 300 kW (160 to 315 mm)."},
			into: func(m *isoReader) any { return &m.group }},
		{Key: Key{Name: "foundation", Kind: Choice, Choices: []string{"rigid", "flexible"}, Need: true, Example: "rigid",
			Aliases: map[string]string{"soft": "flexible", "stiff": "rigid"},
			Help:    "The support in the direction that is measured."},
			into: func(m *isoReader) any { return &m.foundation }},
	},
	check: func(v value, m *isoReader, _ given) { m.limits.iso20816(v, m.isoMachine) },
}

// iso20816 sets the limits of a machine of the standard.
func (l *limitReader) iso20816(v value, m isoMachine) {
	zones, known := isoZones[m]
	if !known {
		return // a key is missing or wrong
	}
	if l.unit != "mm/s" {
		hint := "only RMS velocity in mm/s can be judged"
		if l.unit == "m/s" {
			hint = "multiply scale by 1000 and write unit: mm/s"
		}
		v.fail(hint, "ISO 20816-3 zones need a channel in mm/s, not %q", l.unit)
		return
	}
	l.Warn, l.Alarm = zones[1], zones[2]
	l.Zones = fmt.Sprintf("ISO 20816-3 group %d, %s", m.group, m.foundation)
	l.inside(v, l.Warn)
	l.inside(v, l.Alarm)
}

// limits reads the limits of a channel, and checks that they can be crossed one
// after the other: alarm_low <= warn_low < warn <= alarm, all within the range,
// because a value outside it is suspect and never judged. Nil = faulty.
func (v value) limits(within *Range, unit string) *Limits {
	nan := math.NaN()
	l := limitReader{Limits{Warn: nan, Alarm: nan, WarnLow: nan, AlarmLow: nan}, within, unit}
	before := len(v.p.problems)
	if !limitKeys.read(v, &l) {
		return nil
	}
	l.ordered(v, before)
	return &l.Limits
}

// upper reads a limit that the zones of the standard would set too.
func (l *limitReader) upper(v value, dst *float64) {
	if l.Zones != "" {
		v.fail("remove one of them", "iso20816 sets this limit")
		return
	}
	l.limit(v, dst)
}

func (l *limitReader) limit(v value, dst *float64) {
	if x, ok := v.number(); ok {
		*dst = x
		l.inside(v, x)
	}
}

func (l *limitReader) inside(v value, limit float64) {
	if r := l.within; r != nil && (limit < r.Min || limit > r.Max) {
		v.fail("a value outside its range is suspect and never judged", "%g is outside the range %g to %g", limit, r.Min, r.Max)
	}
}

// ordered reports limits in the wrong order; before is how many problems there
// were before they were read.
func (l *limitReader) ordered(v value, before int) {
	lastName, last := "", math.NaN()
	for _, o := range []struct {
		name  string
		value float64
	}{{"alarm_low", l.AlarmLow}, {"warn_low", l.WarnLow}, {"warn", l.Warn}, {"alarm", l.Alarm}} {
		if math.IsNaN(o.value) {
			continue
		}
		touching := o.value == last && (lastName == "alarm_low") == (o.name == "warn_low")
		if o.value < last || o.value == last && !touching {
			v.fail("the order is alarm_low, warn_low, warn, alarm", "%s %g is not above %s %g", o.name, o.value, lastName, last)
		}
		lastName, last = o.name, o.value
	}
	if lastName == "" && len(v.p.problems) == before {
		v.fail("use warn, alarm, warn_low, alarm_low or iso20816", "no limit is set")
	}
}

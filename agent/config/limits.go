package config

import (
	"fmt"
	"math"
)

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

// iso20816 reads {group: 1, foundation: rigid} into l: a warning where zone C
// begins, an alarm where zone D does.
func (v value) iso20816(l *Limits, unit string) {
	m := isoMachine{}
	var group, foundation bool
	if !v.object(nil,
		need("group", func(v value) { group = v.integer(&m.group, 1, 2) }),
		need("foundation", func(v value) {
			foundation = v.enum(&m.foundation, "foundation", map[string]string{"soft": "flexible", "stiff": "rigid"}, "rigid", "flexible")
		}),
	) || !group || !foundation {
		return
	}
	if unit != "mm/s" {
		hint := "only RMS velocity in mm/s can be judged"
		if unit == "m/s" {
			hint = "multiply scale by 1000 and write unit: mm/s"
		}
		v.fail(hint, "ISO 20816-3 zones need a channel in mm/s, not %q", unit)
		return
	}
	zones := isoZones[m]
	l.Warn, l.Alarm = zones[1], zones[2]
	l.Zones = fmt.Sprintf("ISO 20816-3 group %d, %s", m.group, m.foundation)
}

// limitsOf reads limits and checks that they can be crossed one after the
// other: alarm_low <= warn_low < warn <= alarm, all within the range, because
// a value outside it is suspect and never judged. Unit is the channel's.
func (v value) limitsOf(within *Range, unit string) *Limits {
	nan := math.NaN()
	l := Limits{Warn: nan, Alarm: nan, WarnLow: nan, AlarmLow: nan}
	before := len(v.p.problems)
	inside := func(dst *float64) func(value) {
		return func(v value) {
			if v.number(dst) {
				v.within(*dst, within)
			}
		}
	}
	if !v.object(nil,
		key("iso20816", func(v value) {
			v.iso20816(&l, unit)
			v.within(l.Warn, within)
			v.within(l.Alarm, within)
		}),
		key("warn", l.own(inside(&l.Warn))), key("alarm", l.own(inside(&l.Alarm))),
		key("warn_low", inside(&l.WarnLow)), key("alarm_low", inside(&l.AlarmLow)),
	) {
		return nil
	}
	v.ordered(&l, before)
	return &l
}

// own reads a limit that ISO zones would set too.
func (l *Limits) own(read func(value)) func(value) {
	return func(v value) {
		if l.Zones != "" {
			v.fail("remove one of both", "iso20816 sets this limit")
			return
		}
		read(v)
	}
}

func (v value) within(limit float64, r *Range) {
	if r != nil && (limit < r.Min || limit > r.Max) {
		v.fail("a value outside its range is suspect and never judged", "%g is outside the range %g to %g", limit, r.Min, r.Max)
	}
}

func (v value) ordered(l *Limits, before int) {
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

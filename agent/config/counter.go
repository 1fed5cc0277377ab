package config

import (
	"strings"
	"time"
)

// Counter says how a channel counts whose value is the rate of a counter.
type Counter struct {
	Unit string        // of the count, "kWh"; the channel's own unit is that of the rate
	Per  time.Duration // unit of time of the rate
	Step float64       // smallest change of the count that the register can show; 0 = unknown
	// Relative is the smallest change as a fraction of the count, of a
	// floating-point number; 0 = Step says it.
	Relative float64
	Span     float64 // after which it begins again at 0; 0 = never, or unknown
}

// rates are the units of rates by those of counts, without their prefixes. Counts in
// other units have a rate per second.
var rates = []struct {
	count, rate string
	per         time.Duration
}{
	{"Wh", "W", time.Hour}, {"varh", "var", time.Hour}, {"VAh", "VA", time.Hour}, {"Ah", "A", time.Hour},
	{"J", "W", time.Second}, {"Ws", "W", time.Second}, {"As", "A", time.Second},
	{"m³", "m³/h", time.Hour}, {"m3", "m3/h", time.Hour}, {"Nm³", "Nm³/h", time.Hour}, {"Nm3", "Nm3/h", time.Hour}, {"l", "l/h", time.Hour}, {"L", "L/h", time.Hour},
	{"kg", "kg/h", time.Hour}, {"t", "t/h", time.Hour},
	{"h", "h/h", time.Hour}, {"min", "min/h", time.Hour}, {"s", "s/s", time.Second},
	{"rev", "1/min", time.Minute}, {"U", "1/min", time.Minute},
	{"", "1/s", time.Second}, {"1", "1/s", time.Second}, {"pulses", "1/s", time.Second}, {"counts", "1/s", time.Second}, {"imp", "1/s", time.Second},
}

// prefixes may stand before the units of energy and charge.
var prefixes = []string{"", "m", "k", "M", "G", "T"}

// rateOf is the unit of the rate of a count, and its unit of time.
func rateOf(count string) (unit string, per time.Duration) {
	for _, r := range rates {
		for _, p := range prefixes {
			switch {
			case count != p+r.count || p != "" && strings.Contains(r.rate, "/"):
			default:
				return p + r.rate, r.per
			}
		}
	}
	return count + "/s", time.Second
}

// isEnergy tells whether a unit is one in which meters count energy or charge.
func isEnergy(unit string) bool {
	for _, count := range []string{"Wh", "varh", "VAh"} {
		if strings.HasSuffix(unit, count) {
			return true
		}
	}
	return false
}

// checkCounter makes the channel's value a rate, if the register is a counter.
func (r *registerReader) checkCounter(v value, g given) {
	at, has := g["counter"]
	t := r.typ
	switch {
	case t.Bits == 0:
	case !r.Counts && !has && isEnergy(r.UnitOf) && t.Bits >= 32 && r.s.template == nil && r.s.p.what != "template":
		v.warn("write counter: true, or counter: false where the value can fall", "%s in %s looks like a counter, which only ever rises", r.Name, r.UnitOf)
	case !r.Counts:
	case r.Type == typeBit || t.Bits == 8 || t.Clock || !t.Whole && t.Bits == 16:
		at.fail("remove it", "a %s is no counter", t.Name)
	case r.States != nil:
		at.fail("remove one of them", "a counter has no states")
	default:
		c := &Counter{Unit: r.UnitOf}
		r.UnitOf, c.Per = rateOf(r.UnitOf)
		scale := max(r.Scale, -r.Scale)
		switch {
		case !t.Whole && t.Bits == 32:
			c.Relative = 0x1p-23
		case !t.Whole:
			c.Relative = 0x1p-52
		case r.Power == nil:
			c.Step, c.Span = scale, scale*r.span()
		}
		r.Counter = c
	}
}

// span is how far the register counts before it begins again.
func (r *registerReader) span() float64 {
	if r.Mask == 0 && r.Shift == 0 {
		return r.typ.Span
	}
	if !strings.HasPrefix(r.typ.Name, "u") && !strings.HasPrefix(r.typ.Name, "i") {
		return 0 // some of the digits of a decimal number
	}
	left := r.Mask >> r.Shift
	if r.Mask == 0 {
		left = uint64(r.typ.Span-1) >> r.Shift
	}
	if left&(left+1) != 0 {
		return 0 // there are holes in the mask
	}
	return float64(left) + 1
}

package config

import (
	"fmt"
	"slices"
	"time"
)

// Checks are what a channel's values may do beside staying in their range. A
// value that fails one is suspect and not scored. 0 = not checked.
type Checks struct {
	MaxRate   float64       // fastest change, in units per second
	MaxSpike  float64       // farthest reading from the one before
	FlatAfter time.Duration // longest time without a change
	FlatBand  float64       // what counts as no change; default 0
}

// checkNames are the keys of Checks, wherever they stand.
var checkNames = []string{"max_rate", "max_spike", "flat_after", "flat_band"}

// check reads one of the keys.
func (v value) check(name string, c *Checks) {
	switch name {
	case "max_rate":
		v.positive(&c.MaxRate)
	case "max_spike":
		v.positive(&c.MaxSpike)
	case "flat_after":
		v.duration(&c.FlatAfter, time.Second, 30*24*time.Hour)
	case "flat_band":
		v.positive(&c.FlatBand)
	}
}

// checkKeys are the keys of Checks as fields of a register.
func checkKeys(c *Checks) (fields []field) {
	for _, name := range checkNames {
		fields = append(fields, key(name, func(v value) {
			v.check(name, c)
			if name == "flat_band" && c.FlatAfter == 0 {
				v.fail("add flat_after, such as 10m", "flat_band does nothing without flat_after")
			}
		}))
	}
	return fields
}

// checksOf reads {max_rate: 5, flat_after: 10m}.
func (v value) checksOf() (c Checks) {
	before := len(v.p.problems)
	if v.object(map[string]string{"range": "write ranges: {channel: [min, max]}"}, checkKeys(&c)...) &&
		c == (Checks{}) && len(v.p.problems) == before {
		v.fail("use "+oneOf(checkNames), "nothing is checked")
	}
	return c
}

func (v value) positive(dst *float64) {
	if v.number(dst) && *dst <= 0 {
		v.fail("leave the key out to check nothing", "%g is not above 0", *dst)
	}
}

// flatPeriods is the least number of periods a value must stay the same to be
// called flat: fewer say nothing.
const flatPeriods = 5

// ages checks the sensors' periods against what reads them: a value that is
// older than max_age is stale, so it must live until the next reading.
func (v value) ages(c *Config) {
	for i, s := range c.Sensors {
		at := value{p: v.p, path: fmt.Sprintf("sensors[%d]", i), pos: s.Pos}
		period := s.Period
		for _, m := range c.Machines {
			uses := slices.ContainsFunc(m.Resolved, func(r ChannelRef) bool { return r.Sensor == i })
			if uses && s.Period == 0 && (period == 0 || m.Period < period) {
				period = m.Period
			}
		}
		if s.MaxAge != 0 && s.MaxAge < period {
			at.fail("values would be stale before the next reading", "max_age %s is shorter than the period %s", showDuration(s.MaxAge), showDuration(period))
		}
		for _, r := range v.p.channels[i] {
			if f := r.Checks.FlatAfter; f != 0 && f < flatPeriods*period {
				at.fail(fmt.Sprintf("want %d periods or more", flatPeriods), "flat_after %s of %s is too short for the period %s", showDuration(f), r.Channel, showDuration(period))
			}
		}
	}
}

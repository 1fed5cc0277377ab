package config

import (
	"slices"
)

// Reference is a channel that an expression uses.
type Reference struct {
	Channel string // full name, "pump.flow"
	At      int    // number of the first character of its name in the expression, from 1
}

// derivedSensor is a sensor whose channels are computed from others. They can be
// looked up only when every sensor has been read.
type derivedSensor struct {
	sensor int   // of Config.Sensors
	list   value // the key that lists the channels
	refer  func(m Measurand, channels []string) ([]Reference, *Fault)
}

// derive finds out which channels each derived one is computed from.
func (p *parser) derive() {
	var names []string
	complete := true // every sensor's channels are known
	for _, sensor := range p.cfg.Channels {
		complete = complete && len(sensor) > 0
		for _, c := range sensor {
			names = append(names, c.Channel)
		}
	}
	for _, d := range p.derived {
		for i, m := range Get[[]Measurand](p.cfg.Sensors[d.sensor].Own, d.list.key.Name) {
			c := &p.cfg.Channels[d.sensor][i]
			refs, fault := d.refer(m, names)
			if fault != nil {
				d.list.at(m.Name, fault.Key).fail(fault.Hint, "%s", fault.Message)
			}
			for _, r := range refs {
				c.Inputs = append(c.Inputs, r.Channel)
				if slices.Contains(names, r.Channel) {
					p.earlier(d, c, r)
				} else if complete {
					d.list.at(m.Name, "expr").fail(didYouMean(r.Channel, names), "character %d of the expression: unknown channel %q", r.At, quoteShort(r.Channel))
				}
			}
		}
	}
}

// earlier holds that a derived channel is computed only from derived ones before
// it, so that none is computed from itself.
func (p *parser) earlier(d derivedSensor, c *ChannelRef, r Reference) {
	if r.Channel == c.Channel {
		d.list.at(c.name(p.cfg), "expr").fail("use other channels", "character %d of the expression: %s is computed from itself", r.At, r.Channel)
		return
	}
	for _, other := range p.derived {
		i := slices.IndexFunc(p.cfg.Channels[other.sensor], func(o ChannelRef) bool { return o.Channel == r.Channel })
		if i >= 0 && (other.sensor > d.sensor || other.sensor == d.sensor && i > c.Cell) {
			d.list.at(c.name(p.cfg), "expr").fail("put it before", "character %d of the expression: %s is computed after %s", r.At, r.Channel, c.Channel)
		}
	}
}

// name is the channel's name within its sensor.
func (c *ChannelRef) name(cfg *Config) string { return c.Channel[len(cfg.Sensors[c.Sensor].Name)+1:] }

// at is the value that a path of keys leads to; v itself where there is none.
func (v value) at(path ...string) value {
	found := v
	for _, name := range path {
		found.p = &parser{file: v.p.file} // what is wrong below has been reported
		entries, _ := found.mapping()
		i := slices.IndexFunc(entries, func(e entry) bool { return e.name == name })
		if i < 0 {
			return v
		}
		found = entries[i].value
	}
	found.p = v.p
	return found
}

// inputs holds that a machine has the channels from which its derived ones are
// computed.
func (m *machineReader) inputs(v value) {
	for _, c := range m.Resolved {
		for _, input := range c.Inputs {
			if !slices.ContainsFunc(m.Resolved, func(r ChannelRef) bool { return r.Channel == input }) {
				v.fail("add it to the machine's channels", "channel %q is computed from %q, which is not one of machine %q", c.Channel, input, m.Name)
				return
			}
		}
	}
}

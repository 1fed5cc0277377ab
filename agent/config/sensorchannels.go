package config

import (
	"fmt"
	"slices"
)

// ChannelRef is one channel: cell Cell of what sensor Config.Sensors[Sensor]
// reads.
type ChannelRef struct {
	Sensor  int
	Cell    int
	Channel string  // full name, "pump.current"
	Unit    string  // physical unit; empty = dimensionless
	Range   *Range  // nil = unbounded
	Limits  *Limits // nil = none
	Checks  Checks
	Counter *Counter // its value is the rate of a counter; nil = it is none
	Inputs  []string // full names of the channels that it is computed from; nil = it is measured
}

// findChannels lists the sensor's channels in the order in which its driver reads
// them. good tells that the driver's own keys are right.
func (s *sensorReader) findChannels(v value, g given, good bool) {
	var own []Measurand
	listed := false // by the configuration
	for _, k := range s.info.Keys {
		if k.Kind == Channels || k.Kind == ByName {
			own, listed = Get[[]Measurand](s.Own, k.Name), true
			if s.info.Refer != nil && own != nil {
				s.p.derived = append(s.p.derived, derivedSensor{len(s.p.cfg.Sensors), g[k.Name], s.info.Refer})
			}
		}
	}
	switch {
	case s.info.Channels != nil:
		s.add(s.info.Channels...)
	case s.info.Bus == busModbus:
		for i := range s.Registers {
			s.addMeasurand(&s.Registers[i].Measurand)
			s.channels[i].Checks, s.channels[i].Counter = s.Registers[i].Checks, s.Registers[i].Counter
		}
	case s.info.Channel != nil:
		_, has := g["channels"]
		if _, inputs := g["inputs"]; has || !inputs {
			s.namedChannels(v, g)
		}
		s.addMeasurands(own, g)
	case listed:
		s.addMeasurands(own, g)
	case good:
		s.ownChannels(v, g)
	}
}

func (s *sensorReader) add(cs ...ChannelInfo) {
	for _, c := range cs {
		s.channels = append(s.channels, ChannelRef{Sensor: len(s.p.cfg.Channels), Cell: len(s.channels), Channel: s.Name + "." + c.Name, Unit: c.Unit})
	}
}

// addMeasurands adds the channels that a driver's own key lists. None has the name of
// another.
func (s *sensorReader) addMeasurands(own []Measurand, g given) {
	for i := range own {
		if slices.Contains(s.Channels, own[i].Name) {
			g["channels"].fail("give one of them another name", "channel %q appears twice", own[i].Name)
		}
		s.addMeasurand(&own[i])
	}
}

func (s *sensorReader) addMeasurand(m *Measurand) {
	s.add(ChannelInfo{m.Name, m.UnitOf})
	c := &s.channels[len(s.channels)-1]
	c.Range, c.Limits = m.Range, m.Limits
}

// namedChannels are those that the configuration names, of a driver that knows
// only which names are possible.
func (s *sensorReader) namedChannels(v value, g given) {
	at, has := g["channels"]
	if !has {
		v.missing("channels", fmt.Sprintf(", driver %q needs it", s.Driver))
	}
	for _, name := range s.Channels {
		if c, err := s.info.Channel(name); err != nil {
			at.fail("docs/sensors.md names them", "%v", err)
		} else {
			s.add(c)
		}
	}
}

// ownChannels are those that the driver finds by itself, or the ones among them
// that the configuration names.
func (s *sensorReader) ownChannels(v value, g given) {
	all, names := []ChannelInfo(nil), s.Channels
	if s.info.List != nil {
		list, err := s.info.List(*s.Sensor)
		if err != nil {
			f, is := err.(*Fault)
			if !is {
				f = &Fault{Message: err.Error(), Hint: "see docs/sensors.md"}
			}
			v.tell([]Fault{*f}, g)
			return
		}
		all, names = list, nil
		for _, c := range list {
			names = append(names, c.Name)
		}
	}
	switch {
	case len(s.Channels) == 0 && s.info.List == nil:
		v.missing("channels", fmt.Sprintf(", driver %q needs it", s.Driver))
	case len(s.Channels) == 0:
		for _, name := range names {
			v.checkLabel(name)
		}
		s.add(all...)
	}
	for _, name := range s.Channels {
		switch i := slices.Index(names, name); {
		case i < 0:
			g["channels"].fail(didYouMean(name, names), "sensor %q has no channel %q", s.Name, name)
		case all == nil:
			s.add(ChannelInfo{Name: name})
		default:
			s.add(all[i])
		}
	}
}

// judge reads the ranges, limits and checks that stand at the sensor, by channel
// name.
func (s *sensorReader) judge(g given) {
	s.byChannel(g["ranges"], func(c *ChannelRef, v value) {
		if r, ok := v.interval(); ok {
			c.Range = &r
		}
	})
	s.byChannel(g["limits"], func(c *ChannelRef, v value) { c.Limits = v.limits(c.Range, c.Unit) })
	s.byChannel(g["checks"], func(c *ChannelRef, v value) { checkKeys.read(v, &c.Checks) })
}

// byChannel reads a mapping by channel of a sensor, such as its limits.
func (s *sensorReader) byChannel(v value, read func(c *ChannelRef, v value)) {
	if v.node == nil {
		return
	}
	var names []string
	for _, c := range s.channels {
		names = append(names, c.Channel[len(s.Name)+1:])
	}
	entries, _ := v.mapping()
	for _, e := range entries {
		if i := slices.Index(names, e.name); i >= 0 {
			read(&s.channels[i], e.value)
		} else if len(names) > 0 {
			e.at.fail(didYouMean(e.name, names), "sensor %q has no channel %q", s.Name, quoteShort(e.name))
		}
	}
}

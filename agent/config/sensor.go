package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// sensors reads the list and, for each sensor, notes the channels it has.
func (v value) sensors(c *Config) {
	byName := map[string]Pos{}
	byAddress := map[string]string{}
	v.list(func(_ int, v value) {
		s := Sensor{Pos: v.pos}
		channels := v.sensor(c, &s)
		if first, twice := byName[s.Name]; twice && s.Name != "" {
			v.fail("give it another name", "sensor %q stands here a second time, first in line %d", s.Name, first.Line)
		}
		byName[s.Name] = s.Pos
		if s.Address != 0 && s.Bus != "" {
			place := fmt.Sprintf("%#02x on bus %q", s.Address, s.Bus)
			if other := byAddress[place]; other != "" {
				v.fail("two chips need two addresses, or two buses", "%s is taken by sensor %q", place, other)
			}
			byAddress[place] = s.Name
		}
		c.Sensors = append(c.Sensors, s)
		v.p.channels = append(v.p.channels, channels)
	})
	if v.node.Kind == yamlSequence && len(v.node.Content) == 0 {
		v.fail("describe one", "the list is empty, want at least one sensor")
	}
}

func (v value) sensor(c *Config, s *Sensor) []ChannelRef {
	k := &sensorKeys{c: c, s: s, given: map[string]value{}}
	ok := v.object(map[string]string{"range": "write ranges: {channel: [min, max]}", "baud": baudHint, "parity": baudHint}, k.fields()...)
	if !ok || !k.known {
		return nil
	}
	v.required(s, k.info, k.given)
	s.onlyHeard(c, k.given)
	channels := v.channelsOf(s, k.info, k.given)
	v.judgements(s, channels, k.given)
	return channels
}

func (v value) driver(s *Sensor) (DriverInfo, bool) {
	if !v.text(&s.Driver) {
		return DriverInfo{}, false
	}
	info, known := v.p.drivers[s.Driver]
	if !known {
		v.fail(didYouMean(s.Driver, slices.Sorted(maps.Keys(v.p.drivers))), "unknown driver %q", quoteShort(s.Driver))
	}
	return info, known
}

// busOf checks that the bus exists and is of the driver's kind.
func (v value) busOf(c *Config, s *Sensor, info DriverInfo, known bool) {
	if !v.text(&s.Bus) {
		return
	}
	v.p.used = append(v.p.used, s.Bus)
	var names []string
	for _, b := range c.Buses {
		if b.Name == s.Bus {
			if known && (info.Bus == busModbus) != (b.Modbus != nil) && (b.I2C != "" || b.Modbus != nil) {
				v.fail("name another bus, or another driver", "driver %q needs a bus of kind %s, %q is none", s.Driver, info.Bus, s.Bus)
			}
			return
		}
		names = append(names, b.Name)
	}
	hint := didYouMean(s.Bus, names)
	if len(names) == 0 {
		hint = "the file has no buses"
	}
	v.fail(hint, "unknown bus %q", quoteShort(s.Bus))
}

// i2cAddress takes 7-bit addresses outside the ranges that the I2C-bus
// specification (NXP UM10204 rev. 7, table 4) reserves below; 0x78 and up are
// refused as i2cdetect does.
func (v value) i2cAddress(s *Sensor, info DriverInfo) {
	var n int
	if !v.integer(&n, 0, 0xFFFF) {
		return
	}
	if n < 0x03 || n > 0x77 {
		hint := "write the 7-bit address"
		if n > 0x77 && n <= 0xEF && n%2 == 0 && (info.Addresses == nil || slices.Contains(info.Addresses, uint16(n/2))) {
			hint = fmt.Sprintf("%#02x is an address with the direction bit, write %#02x", n, n/2)
		}
		v.fail(hint, "address %#02x is outside 0x03 to 0x77", n)
		return
	}
	if len(info.Addresses) > 0 && !slices.Contains(info.Addresses, uint16(n)) {
		v.fail("use "+addresses(info.Addresses), "%s never answers at %#02x", s.Driver, n)
		return
	}
	s.Address = uint16(n)
}

func addresses(list []uint16) string {
	words := make([]string, len(list))
	for i, a := range list {
		words[i] = fmt.Sprintf("%#02x", a)
	}
	if len(words) > 4 {
		return words[0] + " to " + words[len(words)-1]
	}
	return oneOf(words)
}

// unitID takes what the wire can carry. Modbus over serial line V1.02 §2.2
// reserves 0 for broadcast, which nobody answers, and 248 to 255; over TCP both
// ends are used to mean "the gateway itself".
func (v value) unitID(s *Sensor) bool {
	var n int
	ok := v.integer(&n, 0, 255)
	s.Unit = uint8(n)
	return ok
}

func (v value) columns(s *Sensor) {
	v.list(func(i int, v value) {
		var name string
		if !v.label(&name) {
			return
		}
		if slices.Contains(s.Channels, name) {
			v.fail("remove one of both", "channel %q stands in the list twice", name)
			return
		}
		s.Channels = append(s.Channels, name)
	})
}

// required reports what the driver cannot do without.
func (v value) required(s *Sensor, info DriverInfo, given map[string]value) {
	missing := func(key string) bool {
		_, has := given[key]
		return !has
	}
	lacks := func(keys ...string) {
		for _, k := range keys {
			if missing(k) {
				v.fail("add "+k+":", "key %q is missing, driver %q needs it", k, s.Driver)
			}
		}
	}
	switch info.Bus {
	case busI2C:
		lacks("bus")
		if missing("address") && len(info.Addresses) > 0 {
			s.Address = info.Addresses[0]
		} else {
			lacks("address")
		}
		for _, k := range []string{"inputs", "registers"} {
			if slices.Contains(info.Keys, k) {
				lacks(k)
			}
		}
	case busModbus:
		lacks("bus", "unit", "registers")
	case busKernel:
		lacks("device")
		if info.Channel != nil {
			lacks("channels")
		}
		if slices.Contains(info.Keys, "rate") {
			lacks("rate")
			v.block(s, given)
		}
	default:
		lacks("file")
	}
}

// channelsOf lists the sensor's channels in the order its driver reads them.
func (v value) channelsOf(s *Sensor, info DriverInfo, given map[string]value) []ChannelRef {
	var channels []ChannelRef
	add := func(name, unit string) {
		channels = append(channels, ChannelRef{
			Sensor: len(v.p.channels), Cell: len(channels), Channel: s.Name + "." + name, Unit: unit,
		})
	}
	switch {
	case info.Channels != nil:
		for _, c := range info.Channels {
			add(c.Name, c.Unit)
		}
	case info.Bus == busModbus:
		for _, r := range s.Registers {
			add(r.Name, r.UnitOf)
			c := &channels[len(channels)-1]
			c.Range, c.Limits, c.Checks = r.Range, r.Limits, r.Checks
		}
	case info.Bus == busI2C:
		for _, m := range s.measurands() {
			add(m.Name, m.UnitOf)
			channels[len(channels)-1].Range, channels[len(channels)-1].Limits = m.Range, m.Limits
		}
	case info.Bus == busKernel:
		for _, c := range v.kernelChannels(s, info, given) {
			add(c.Name, c.Unit)
		}
	default:
		for _, c := range v.listed(s, info, given) {
			add(c.Name, c.Unit)
		}
	}
	return channels
}

// listed are the channels of a sensor that reads a file: those the file has,
// cut down to those the configuration names, in its order.
func (v value) listed(s *Sensor, info DriverInfo, given map[string]value) []ChannelInfo {
	file, hasFile := given["file"]
	if !hasFile || s.File == "" {
		return nil
	}
	var all []ChannelInfo
	var names []string
	if info.List != nil {
		list, err := info.List(Sensor{Name: s.Name, Driver: s.Driver, File: s.File})
		if err != nil {
			file.fail("name a recording that this machine can read", "%v", err)
			return nil
		}
		for _, c := range list {
			all, names = append(all, c), append(names, c.Name)
		}
	}
	if len(s.Channels) == 0 {
		if info.List == nil {
			v.fail("add channels:", "key %q is missing, driver %q needs it", "channels", s.Driver)
		}
		for _, c := range all {
			file.checkLabel(c.Name)
		}
		return all
	}
	var out []ChannelInfo
	for _, name := range s.Channels {
		switch i := slices.Index(names, name); {
		case i >= 0:
			out = append(out, all[i])
		case info.List == nil:
			out = append(out, ChannelInfo{Name: name})
		default:
			given["channels"].fail(didYouMean(name, names), "the file has no column %q", name)
		}
	}
	return out
}

// judgements reads the limits, ranges and checks that stand at the sensor, by channel
// name.
func (v value) judgements(s *Sensor, channels []ChannelRef, given map[string]value) {
	names := make([]string, len(channels))
	for i, c := range channels {
		names[i] = strings.TrimPrefix(c.Channel, s.Name+".")
	}
	each := func(v value, read func(c *ChannelRef, name string, v value)) {
		if v.node == nil {
			return
		}
		entries, _ := v.mapping()
		for _, e := range entries {
			if i := slices.Index(names, e.name); i >= 0 {
				read(&channels[i], e.name, e.value)
			} else if len(names) > 0 {
				e.key.fail(didYouMean(e.name, names), "sensor %q has no channel %q", s.Name, quoteShort(e.name))
			}
		}
	}
	each(given["ranges"], func(c *ChannelRef, name string, v value) {
		if c.Range = v.rangeOf(); c.Range != nil {
			put(&s.Ranges, name, *c.Range)
		}
	})
	each(given["limits"], func(c *ChannelRef, name string, v value) {
		if c.Limits = v.limitsOf(c.Range, c.Unit); c.Limits != nil {
			put(&s.Limits, name, *c.Limits)
		}
	})
	each(given["checks"], func(c *ChannelRef, name string, v value) {
		c.Checks = v.checksOf()
		put(&s.Checks, name, c.Checks)
	})
}

func put[V any](m *map[string]V, name string, v V) {
	if *m == nil {
		*m = map[string]V{}
	}
	(*m)[name] = v
}

package config

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// Sensor is one device, or one file that stands in for it.
type Sensor struct {
	Pos
	Name        string
	Template    string // that gives what the sensor does not say; empty = none
	Driver      string
	Bus         string
	Address     uint16     // I2C
	Unit        uint8      // Modbus unit id
	AddressBase int        // Modbus: 0 or 1, less where a template is moved
	Registers   []Register // Modbus
	Texts       []TextRegister
	Valid       *Condition    // Modbus: what must hold for its values to mean anything; nil = nothing
	Channels    []string      // those to read of a driver that finds its own; empty = all
	Period      time.Duration // of reading; 0 = that of the fastest machine that uses it
	MaxAge      time.Duration // how long a value is good; 0 = until the next reading is due, 1.5 periods where that is slower than the machine
	Device      string        // kernel: name, place, or path below /sys
	Own         Values        // the driver's own keys

	// What Modbus joins into one request.
	MaxGap       int             // unwanted registers between two wanted ones that may be read too
	MaxRegisters int             // in one request
	NeverRead    []RegisterRange // in no request
	Join         bool            // several registers in one request

	Timeout time.Duration // of one Modbus request; the bus's where the sensor has none
	Retries *int          // of one Modbus request; the bus's where the sensor has none; nil = by kind of line
}

// sensorReader reads a sensor.
type sensorReader struct {
	*Sensor
	p        *parser
	info     DriverInfo
	known    bool // info is
	bus      *Bus // nil = none, or unknown
	own      own
	channels []ChannelRef
	template *Template // nil = none
}

// kind tells which keys the sensor has.
func (s *sensorReader) kind() string {
	switch {
	case !s.known:
		return ""
	case s.info.Bus == "":
		return busNone
	case s.info.Bus == busModbus && s.bus != nil:
		return s.bus.kind()
	}
	return s.info.Bus
}

// The kinds of bus that some keys belong to.
var (
	onModbus    = []string{busModbus, busHeard}
	askedModbus = []string{busModbus}
	notModbus   = []string{busI2C, busKernel, busDerived, busBroker, busNone}
	isRead      = []string{busI2C, busModbus, busHeard, busKernel, busNone}
)

// sensorHints are for keys that stand elsewhere.
var sensorHints = map[string]string{"range": "write ranges: {channel: [min, max]}", "baud": baudHint, "parity": baudHint,
	"password": "put it into a file and write password_file:", "topic": "write it at each channel"}

var sensorKeys = section[*sensorReader]{
	path:   "sensors[]",
	help:   "A device, or a file that stands in for one. Which keys it has depends on its driver.",
	others: sensorHints,
	rows: []row[*sensorReader]{
		{Key: Key{Name: "name", Kind: Name, Need: true, Example: "pump",
			Help: "Name of the sensor; no other sensor may have it."},
			into: func(s *sensorReader) any { return &s.Name }},
		{Key: Key{Name: "driver", Kind: kindDriverName, Need: true, Example: "modbus",
			Help: "What kind of device it is; a template says it."},
			read: func(v value, s *sensorReader) { s.driver(v) }},
		{Key: Key{Name: "template", Kind: Name, For: onModbus, Without: "the sensor says everything itself", Example: "sdm630",
			Help: "A device of [devices.md](devices.md), which gives driver, registers, units and ranges; what the sensor says itself goes before."},
			into: func(s *sensorReader) any { return &s.Template }},
		{Key: Key{Name: "bus", Kind: kindBusName, For: []string{busI2C, busModbus, busHeard}, Need: true, Example: "line",
			Help: "The bus that the device is connected to."},
			read: func(v value, s *sensorReader) { s.busOf(v) }},
		{Key: Key{Name: "address", Kind: kindI2cAddress, For: []string{busI2C}, Without: "the chip's first address, where it has only few", Example: "0x76",
			Help: "I2C address of the chip."},
			read: func(v value, s *sensorReader) { s.address(v) }},
		{Key: Key{Name: "unit", Kind: Integer, For: onModbus, Min: "0", Max: "255", Need: true, Example: "7",
			Help: "Modbus unit id of the device; on a serial line 1 to 247."},
			read: func(v value, s *sensorReader) { s.unit(v) }},
		{Key: Key{Name: "address_base", Kind: Integer, For: onModbus, Min: "0", Max: "1", Default: "0", Example: "1",
			Help: "Number of a table's first register in the device's manual; `holding:N` counts from it."},
			into: func(s *sensorReader) any { return &s.AddressBase }},
		{Key: Key{Name: "template_at", Kind: kindRegister, For: onModbus, Without: "required where the template is movable", Example: `"holding:40069"`,
			Help: "Where the first register of a movable template is in this device; `scan modbus` shows it."},
			read: func(v value, s *sensorReader) { s.templateAt(v) }},
		{Key: Key{Name: "max_gap", Kind: Integer, For: askedModbus, Unit: "registers", Min: "0", Max: "125", Default: "8", Example: "0",
			Help: "How many unwanted registers between two wanted ones are read too, to save a request; of bits, 16 times as many."},
			into: func(s *sensorReader) any { return &s.MaxGap }},
		{Key: Key{Name: "max_registers", Kind: Integer, For: askedModbus, Unit: "registers", Min: "1", Max: "125", Default: "125", Example: "16",
			Help: "Registers in one request at most, for devices and gateways that give fewer than the standard allows."},
			into: func(s *sensorReader) any { return &s.MaxRegisters }},
		{Key: Key{Name: "never_read", Kind: List, Of: kindRegisters, For: askedModbus, Without: "none", Example: `["holding:100-120"]`,
			Help: "Registers that are in no request, because reading them clears a counter or hangs the device."},
			read: func(v value, s *sensorReader) { s.neverRead(v) }},
		{Key: Key{Name: "join", Kind: Boolean, For: askedModbus, Default: "true", Example: "false",
			Help: "Whether several registers are read by one request; false for devices that give only one at a time."},
			into: func(s *sensorReader) any { return &s.Join }},
		{Key: Key{Name: "valid_when", Kind: kindMapping, For: askedModbus, Without: "values are always valid", Example: `{register: "holding:40", is: 1}`,
			Help: "What a register must hold for the values of the device to mean anything, such as a status word or a marker of its map."},
			read: func(v value, s *sensorReader) { s.validWhen(v) }},
		{Key: timeoutKey("that of the bus"),
			into: func(s *sensorReader) any { return &s.Timeout }},
		{Key: retriesKey("those of the bus"),
			into: func(s *sensorReader) any { return &s.Retries }},
		{Key: Key{Name: "registers", Kind: Channels, For: onModbus, Need: true, Example: `[{name: speed, at: "input:16", type: u16}]`,
			Help: "The registers that are read; beside a template, those that are added, and keys that replace the template's."},
			read: func(v value, s *sensorReader) { s.registers(v) }},
		{Key: Key{Name: "device", Kind: Text, For: []string{busKernel}, Max: "256", Need: true, Example: "cpu-thermal",
			Help: "Which of the kernel's devices: its name, what it is attached to (`1-0048`), its label, or a path below /sys."},
			read: func(v value, s *sensorReader) { s.kernelDevice(v) }},
		{Key: Key{Name: "channels", Kind: List, Of: Name, For: []string{busKernel, busNone, busModbus, busHeard}, Empty: "all", Without: "all; required for `hwmon` and `iio`", Example: "[temp1]",
			Help: "Which of the device's, the file's or the template's channels are read, and in which order."},
			into: func(s *sensorReader) any { return &s.Channels }},
		{Key: Key{Name: "period", Kind: Duration, For: isRead, Min: "10ms", Max: "1d", Without: "the period of the fastest machine that uses the sensor", Example: "5s",
			Help: "How often the sensor is read."},
			into: func(s *sensorReader) any { return &s.Period }},
		{Key: Key{Name: "max_age", Kind: Duration, For: isRead, Min: "10ms", Max: "7d", Without: "until the next reading is due; 1.5 periods where the sensor is read more seldom than the machine makes rows", Example: "20s",
			Help: "How long a value is good; an older one is stale. At least the period."},
			into: func(s *sensorReader) any { return &s.MaxAge }},
		// These need the channels, so the check reads them.
		{Key: Key{Name: "ranges", Kind: kindByChannel, Of: Interval, For: notModbus, Without: "any value", Example: "{humidity: [0, 100]}",
			Help: "What each channel's values can be, as `range` of a register."}},
		{Key: Key{Name: "limits", Kind: kindByChannel, Of: kindMapping, For: notModbus, Without: "none", Example: "{temperature: {warn: 75, alarm: 82}}",
			Help: "Alarm limits of each channel, as `limits` of a register."}},
		{Key: Key{Name: "checks", Kind: kindByChannel, Of: kindMapping, For: notModbus, Without: "none", Example: "{temperature: {max_rate: 0.5, flat_after: 1h}}",
			Help: "What each channel's values may do: `max_rate`, `max_spike`, `flat_after` and `flat_band` as of a register."}},
	},
	kind:    (*sensorReader).kind,
	foreign: func(e entry, s *sensorReader, known bool, names []string) bool { return s.foreign(e, known, names) },
	check:   func(v value, s *sensorReader, g given) { s.check(v, g) },
}

// sensors reads the list and, for each sensor, notes the channels it has.
func (p *parser) sensors(v value) {
	byAddress := map[string]string{}
	v.named("sensor", func(_ int, v value) string {
		s := &sensorReader{Sensor: &Sensor{Pos: v.pos}, p: p}
		s.read(v)
		if s.Address != 0 && s.Bus != "" {
			place := fmt.Sprintf("%#02x on bus %q", s.Address, s.Bus)
			if other := byAddress[place]; other != "" {
				v.fail("two chips need two addresses, or two buses", "%s is taken by sensor %q", place, other)
			}
			byAddress[place] = s.Name
			s.behindMux(v, byAddress)
		}
		p.cfg.Sensors = append(p.cfg.Sensors, *s.Sensor)
		p.cfg.Channels = append(p.cfg.Channels, s.channels)
		return s.Name
	})
	p.derive()
}

// read reads the sensor, completed by its template. Of a sensor whose template cannot
// be used only the name is known.
func (s *sensorReader) read(v value) {
	entries, ok := v.mapping()
	if !ok {
		sensorKeys.fill(s)
		return
	}
	if entries, ok = s.complete(v, entries); ok {
		sensorKeys.entries(v, entries, s)
		return
	}
	for _, e := range entries {
		switch e.name {
		case "name":
			s.Name, _ = e.value.label()
		case "bus":
			s.p.used = append(s.p.used, e.value.node.Value)
		}
	}
}

// behindMux reports a chip that answers together with another one: a chip on the bus of
// a multiplexer answers whichever of its ports is open, and so does the multiplexer.
func (s *sensorReader) behindMux(v value, byAddress map[string]string) {
	if s.bus == nil || s.bus.I2C == "" {
		return
	}
	all := fmt.Sprintf("%#02x at %s", s.Address, s.bus.I2C)
	behind := all + ", behind a multiplexer"
	place, other := all, byAddress[behind]
	if s.bus.Mux != 0 {
		place, other = behind, byAddress[all]
	}
	if other != "" {
		v.fail("two chips need two addresses, or two ports", "sensor %q answers at the same address: one of them is directly on %s, the other behind a multiplexer there", other, s.bus.I2C)
	}
	byAddress[place] = s.Name
	for _, b := range s.p.cfg.Buses {
		if b.Mux == s.Address && b.I2C == s.bus.I2C {
			v.fail("two chips need two addresses", "%#02x is the multiplexer of bus %q", s.Address, b.Name)
			return
		}
	}
}

func (s *sensorReader) driver(v value) {
	name, ok := v.text()
	if !ok {
		return
	}
	s.Driver = name
	if s.info, s.known = s.p.drivers[name]; !s.known {
		v.fail(didYouMean(name, slices.Sorted(maps.Keys(s.p.drivers))), "unknown driver %q", quoteShort(name))
	}
	s.own = own{rows: s.info.Keys, others: sensorHints}
}

// busOf finds the bus and checks that it is of the driver's kind.
func (s *sensorReader) busOf(v value) {
	name, ok := v.text()
	if !ok {
		return
	}
	s.Bus = name
	s.p.used = append(s.p.used, name)
	var names []string
	for i := range s.p.cfg.Buses {
		b := &s.p.cfg.Buses[i]
		if b.Name == name {
			if s.known && (s.info.Bus == busModbus) != (b.Modbus != nil) && b.kind() != "" {
				v.fail("name another bus, or another driver", "driver %q needs a bus of kind %s, %q is none", s.Driver, s.info.Bus, name)
				return
			}
			s.bus = b
			return
		}
		names = append(names, b.Name)
	}
	hint := didYouMean(name, names)
	if len(names) == 0 {
		hint = "the file has no buses"
	}
	v.fail(hint, "unknown bus %q", quoteShort(name))
}

// address takes 7-bit addresses outside the ranges that the I2C-bus specification
// (NXP UM10204 rev. 7, table 4) reserves below; 0x78 and up are refused as
// i2cdetect does.
func (s *sensorReader) address(v value) {
	n, ok := v.integer()
	fits := func(n int) bool {
		return len(s.info.Addresses) == 0 || n >= 0 && n <= 0x77 && slices.Contains(s.info.Addresses, uint16(n))
	}
	switch {
	case !ok:
	case n < 0x03 || n > 0x77:
		hint := "write the 7-bit address"
		if n > 0x77 && n <= 0xEF && n%2 == 0 && fits(n/2) {
			hint = fmt.Sprintf("%#02x is an address with the direction bit, write %#02x", n, n/2)
		}
		v.fail(hint, "address %#02x is outside 0x03 to 0x77", n)
	case !fits(n):
		v.fail("use "+addresses(s.info.Addresses), "%s never answers at %#02x", s.Driver, n)
	default:
		s.Address = uint16(n)
	}
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

// unit takes what the wire can carry. On a serial line, Modbus over Serial Line
// V1.02 §2.2 reserves 0 for broadcast, which nobody answers, and 248 to 255; over
// TCP both ends are used to mean "the gateway itself".
func (s *sensorReader) unit(v value) {
	n, ok := v.integer()
	if !ok {
		return
	}
	s.Unit = uint8(n)
	if b := s.bus; b != nil && b.Modbus != nil && (b.Modbus.Scheme == "rtu" && (n == 0 || n > 247) || b.Modbus.Scheme == "rtutcp" && n == 0) {
		v.fail("the device shows or documents its own", "unit %d is outside 1 to 247, which devices on a serial line have", n)
	}
}

// foreign takes the driver's own keys, and reports keys of other drivers.
func (s *sensorReader) foreign(e entry, known bool, names []string) bool {
	elsewhere := func() bool {
		for _, d := range s.p.drivers {
			if slices.ContainsFunc(d.Keys, func(k Key) bool { return k.Name == e.name }) {
				return true
			}
		}
		return false
	}
	switch {
	case !s.known && elsewhere(): // the driver's own fault is enough
	case slices.ContainsFunc(s.own.rows, func(k Key) bool { return k.Name == e.name }) || !known && !elsewhere():
		s.own.take(e, names)
	case s.kind() == busHeard:
		e.value.fail("leave it out", "a sensor on a line that is only listened to has no %s", e.name)
	case s.info.Bus == busBroker && e.name == "max_age":
		e.value.fail("write it at each channel", "driver %q does not have this key here", s.Driver)
	case s.info.Bus == busModbus && slices.Contains([]string{"ranges", "limits", "checks"}, e.name):
		e.value.fail("write it at the register", "driver %q does not have this key", s.Driver)
	default:
		e.value.fail("remove it", "driver %q does not have this key", s.Driver)
	}
	return true
}

// check reads the driver's own keys and finds the channels.
func (s *sensorReader) check(v value, g given) {
	if !s.known {
		return
	}
	vs, ownGiven, good := s.own.read(v, fmt.Sprintf(", driver %q needs it", s.Driver))
	s.Own = vs
	maps.Copy(g, ownGiven)
	if good && s.info.Check != nil {
		good = v.tell(s.info.Check(s.Sensor), g)
	}
	if _, has := g["address"]; !has && s.info.Bus == busI2C {
		if len(s.info.Addresses) > 0 {
			s.Address = s.info.Addresses[0]
		} else {
			v.missing("address", fmt.Sprintf(", driver %q needs it", s.Driver))
		}
	}
	if s.bus != nil && s.kind() == busModbus {
		if _, has := g["timeout"]; !has {
			s.Timeout = s.bus.Timeout
		}
		if _, has := g["retries"]; !has {
			s.Retries = s.bus.Retries
		}
	}
	s.checkTemplate(v, g)
	s.findChannels(v, g, good)
	s.judge(g)
}

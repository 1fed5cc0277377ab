package config

import (
	"fmt"
	"strings"
	"time"
)

// Bus is one physical bus. Exactly one of I2C and Modbus is set; the rest is of
// Modbus only.
type Bus struct {
	Pos
	Name    string
	I2C     string // "auto" or "/dev/i2c-1"
	Mux     uint16 // address of the multiplexer on I2C behind which the bus is; 0 = none
	Port    int    // of the multiplexer
	Modbus  *ModbusURL
	Timeout time.Duration // of one request

	// Retries is how often a request is made again in the same cycle; nil = by
	// kind of line: on serial lines an answer that noise has spoiled once, a
	// silent unit never.
	Retries      *int
	Pause        time.Duration // between an answer and the next request
	ConnectPause time.Duration // after connecting
	Budget       time.Duration // for all requests of one sensor in one cycle; 0 = none
	Connections  int           // tcp: open at once, shared by the sensors

	CloseAfterRead bool // close the connection after each reading of a sensor
}

// kind tells which keys the bus has; it is empty where the bus is neither.
func (b *Bus) kind() string {
	switch {
	case b.I2C != "":
		return busI2C
	case b.Modbus == nil:
		return ""
	case b.Modbus.Listen:
		return busHeard
	}
	return busModbus
}

// timeoutKey and retriesKey are keys of a bus and of a sensor on it.
func timeoutKey(without string) Key {
	return Key{Name: "timeout", Kind: Duration, For: askedModbus, Min: "10ms", Max: "1m", Without: without, Example: "300ms",
		Help: "How long a request may take, from connecting to the last byte of the answer."}
}

func retriesKey(without string) Key {
	return Key{Name: "retries", Kind: Integer, For: askedModbus, Min: "0", Max: "10", Without: without, Example: "2",
		Help: "How often a request that fails is made again in the same cycle."}
}

// busTimeout has the default: long enough for a slow device at 9600 baud, short
// enough for two tries in a second. On a line that is only listened to, it bounds
// how late an answer is believed.
func busTimeout() Key {
	k := timeoutKey("")
	k.Default, k.For = "500ms", onModbus
	return k
}

var busKeys = section[*Bus]{
	path: "buses.NAME",
	help: "A physical bus, by a name that you choose. It has either `i2c` or `modbus`; put every sensor of a line on the same bus.",
	others: map[string]string{
		"baud": baudHint, "parity": baudHint, "stop": baudHint, "listen": baudHint, "rs485": baudHint,
		"unit": "write it at the sensor", "max_registers": "write it at the sensor", "max_gap": "write it at the sensor",
		"never_read": "write it at the sensor", "join": "write it at the sensor", "address_base": "write it at the sensor",
	},
	rows: []row[*Bus]{
		{Key: Key{Name: "i2c", Kind: kindI2cBus, Without: "the bus is Modbus", Example: "auto",
			Help: "An I2C bus of the gateway."},
			read: func(v value, b *Bus) { b.readI2C(v) }},
		{Key: Key{Name: "modbus", Kind: kindBusURL, Without: "the bus is I2C", Example: `"tcp://10.1.2.3:502"`,
			Help: "A Modbus line: a device or gateway on the network, a serial port, or a serial server on the network that passes RTU frames on (rtutcp)."},
			read: func(v value, b *Bus) { b.readModbus(v) }},
		{Key: busTimeout(),
			into: func(b *Bus) any { return &b.Timeout }},
		{Key: retriesKey("on a serial line 1 for an answer that noise has spoiled, otherwise 0"),
			into: func(b *Bus) any { return &b.Retries }},
		{Key: Key{Name: "pause", Kind: Duration, For: askedModbus, Max: "1s", Min: "0s", Default: "0s", Example: "5ms",
			Help: "Time between an answer and the next request, for devices that need a rest; the silence that RTU prescribes is kept in any case."},
			into: func(b *Bus) any { return &b.Pause }},
		{Key: Key{Name: "connect_pause", Kind: Duration, For: askedModbus, Min: "0s", Max: "1m", Default: "0s", Example: "1s",
			Help: "Time between connecting and the first request."},
			into: func(b *Bus) any { return &b.ConnectPause }},
		{Key: Key{Name: "budget", Kind: Duration, For: askedModbus, Min: "10ms", Max: "1h", Without: "no limit", Example: "600ms",
			Help: "Time for all requests of one sensor in one cycle; what does not fit comes first in the next cycle."},
			into: func(b *Bus) any { return &b.Budget }},
		{Key: Key{Name: "connections", Kind: Integer, For: askedModbus, Min: "1", Max: "16", Default: "1", Example: "4",
			Help: "TCP connections to the device that are open at once, shared by the sensors of the bus; a serial line has one."},
			into: func(b *Bus) any { return &b.Connections }},
		{Key: Key{Name: "close_after_read", Kind: Boolean, For: askedModbus, Default: "false", Example: "true",
			Help: "Whether the connection is closed after each reading of a sensor, for devices on the network that serve one client at a time."},
			into: func(b *Bus) any { return &b.CloseAfterRead }},
		{Key: Key{Name: "mux", Kind: kindI2cAddress, For: []string{busI2C}, Without: "none", Example: "0x70",
			Help: "Address of the multiplexer (TCA9548A, PCA9548A) behind which this bus is, 0x70 to 0x77; only for one that no driver of the kernel has."},
			read: func(v value, b *Bus) { b.readMux(v) }},
		{Key: Key{Name: "port", Kind: Integer, For: []string{busI2C}, Min: "0", Max: "7", Without: "required with `mux`", Example: "3",
			Help: "Port of the multiplexer to which the bus is connected."},
			into: func(b *Bus) any { return &b.Port }},
	},
	kind:    (*Bus).kind,
	foreign: func(e entry, b *Bus, known bool, _ []string) bool { return known && b.lacks(e) },
	check:   func(v value, b *Bus, g given) { b.check(v, g) },
}

// baudHint is for keys that belong in the address of a line.
const baudHint = `write it into the address of the bus: "rtu:///dev/ttyUSB0?baud=9600&parity=none"`

// buses reads the buses by their names.
func (p *parser) buses(v value) {
	entries, ok := v.mapping()
	if !ok {
		return
	}
	places := map[string]string{}
	for _, e := range entries {
		b := Bus{Pos: e.at.pos, Name: e.name}
		e.at.checkLabel(e.name)
		busKeys.read(e.value, &b)
		p.cfg.Buses = append(p.cfg.Buses, b)
		place := b.I2C
		if b.Modbus != nil {
			place = b.Modbus.Addr
		}
		if b.Mux != 0 {
			place = fmt.Sprintf("%s, multiplexer %#02x, port %d", place, b.Mux, b.Port)
		}
		if other := places[place]; place != "" && other != "" {
			e.value.fail("put the sensors of both on one bus", "bus %q is the same as bus %q", b.Name, other)
		}
		places[place] = b.Name
	}
}

func (b *Bus) readI2C(v value) {
	if v.node.ShortTag() == "!!int" {
		v.fail("write /dev/i2c-"+quoteShort(v.node.Value), "want auto or a device")
		return
	}
	s, ok := v.someText()
	switch {
	case !ok:
	case s != "auto" && (!strings.HasPrefix(s, "/dev/") || strings.Contains(s, "..")):
		v.fail("use auto or a device such as /dev/i2c-1", "%q is not an I2C bus", quoteShort(s))
	default:
		b.I2C = s
	}
}

// readMux takes the addresses that the address pins of a TCA9548A choose between.
func (b *Bus) readMux(v value) {
	n, ok := v.integer()
	switch {
	case !ok:
	case n < 0x70 || n > 0x77:
		v.fail("use 0x70 to 0x77", "a multiplexer never answers at %#02x", n)
	default:
		b.Mux = uint16(n)
	}
}

// lacks reports a key that this kind of bus does not have.
func (b *Bus) lacks(e entry) bool {
	switch {
	case b.kind() == busHeard:
		e.value.fail("leave it out", "a line that is only listened to has no %s", e.name)
	case b.kind() == busModbus:
		e.value.fail("leave it out", "a Modbus bus has no %s", e.name)
	case e.name == "timeout":
		e.value.fail("leave it out", "an I2C bus has no timeout of its own: the kernel's driver has 200ms")
	default:
		e.value.fail("leave it out", "an I2C bus has no %s", e.name)
	}
	return true
}

func (b *Bus) check(v value, g given) {
	_, i2c := g["i2c"]
	if _, modbus := g["modbus"]; i2c == modbus {
		v.fail(`write i2c: auto, or modbus: "tcp://host:502"`, "a bus has either i2c or modbus")
	}
	_, mux := g["mux"]
	port, has := g["port"]
	switch {
	case mux && !has:
		v.missing("port", ", a bus behind a multiplexer needs it")
	case has && !mux:
		port.fail("name the multiplexer, such as mux: 0x70", "a port needs a multiplexer")
	}
	if at, has := g["close_after_read"]; has && b.CloseAfterRead && b.Modbus != nil && b.Modbus.Scheme == "rtu" {
		at.fail("leave it out", "a serial port of the gateway has no other clients")
	}
	if at, has := g["connections"]; has && b.Connections > 1 && b.Modbus != nil && b.Modbus.Serial != nil {
		at.fail("leave it out", "a serial line carries one request at a time")
	}
}

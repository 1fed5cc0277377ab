package config

import (
	"strings"
	"time"
)

// defaultTimeout bounds one request where the file does not: long enough for a
// slow slave at 9600 baud, short enough for two tries in a second.
const defaultTimeout = 500 * time.Millisecond

func (v value) buses(dst *[]Bus) {
	entries, ok := v.mapping()
	if !ok {
		return
	}
	places := map[string]string{}
	for _, e := range entries {
		b := Bus{Pos: e.key.pos, Name: e.name, Timeout: defaultTimeout}
		e.key.checkLabel(e.name)
		e.value.bus(&b)
		*dst = append(*dst, b)
		place := b.I2C
		if b.Modbus != nil {
			place = b.Modbus.Addr
		}
		if other := places[place]; place != "" && other != "" {
			e.value.fail("put the sensors of both on one bus", "bus %q is the same as bus %q", b.Name, other)
		}
		places[place] = b.Name
	}
}

func (v value) bus(b *Bus) {
	var kinds int
	var timeout *value
	ok := v.object(nil,
		key("i2c", func(v value) { kinds++; v.i2c(b) }),
		key("modbus", func(v value) { kinds++; v.modbusURL(b) }),
		key("timeout", func(v value) { timeout = &v; v.duration(&b.Timeout, 10*time.Millisecond, time.Minute) }),
	)
	if ok && kinds != 1 {
		v.fail("", "a bus has either i2c or modbus")
	}
	if timeout != nil && b.I2C != "" {
		timeout.fail("leave it out", "an I2C bus has no timeout of its own: the kernel's driver has 200ms")
	}
}

func (v value) i2c(b *Bus) {
	if v.node.ShortTag() == "!!int" {
		v.fail("write /dev/i2c-"+quoteShort(v.node.Value), "want auto or a device")
		return
	}
	var s string
	if !v.someText(&s) {
		return
	}
	if s != "auto" && (!strings.HasPrefix(s, "/dev/") || strings.Contains(s, "..")) {
		v.fail("use auto or such as /dev/i2c-1", "%q is no I2C bus", quoteShort(s))
		return
	}
	b.I2C = s
}

func (v value) modbusURL(b *Bus) {
	// Something must be set, so that what refers to the bus is judged too.
	b.Modbus = &ModbusURL{}
	var s string
	if !v.someText(&s) {
		return
	}
	scheme, _, _ := strings.Cut(s, "://")
	if scheme == "rtu" || scheme == "rtutcp" {
		v.fail("use tcp://host:port", "%s is not supported by this version", scheme)
		return
	}
	u, ok := v.address(s)
	if !ok {
		return
	}
	if u.Scheme != "tcp" {
		v.fail(didYouMean(u.Scheme, []string{"tcp"}), "unknown scheme %q", quoteShort(u.Scheme))
		return
	}
	if host, ok := v.hostPort(u, "502"); ok {
		*b.Modbus = ModbusURL{Scheme: u.Scheme, Addr: host, Raw: s}
	}
}

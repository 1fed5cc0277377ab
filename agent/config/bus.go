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
	given := map[string]value{}
	ok := v.object(otherBusKeys, append(b.modbusKeys(given),
		key("i2c", func(v value) { kinds++; v.i2c(b) }),
		key("modbus", func(v value) { kinds++; v.modbusURL(b) }),
	)...)
	if ok && kinds != 1 {
		v.fail(`write i2c: auto, or modbus: "tcp://host:502"`, "a bus has either i2c or modbus")
	}
	b.checkModbusKeys(given)
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

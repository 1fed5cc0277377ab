package config

import "time"

// ModbusBus is what a modbus bus has besides its address.
type ModbusBus struct {
	// Retries is how often a request is made again in the same cycle; nil = by
	// kind of line: on serial lines an answer that noise has spoiled once, a
	// silent unit never.
	Retries      *int          `json:",omitempty"`
	Pause        time.Duration `json:",omitempty"` // between an answer and the next request. Default 0
	ConnectPause time.Duration `json:",omitempty"` // after connecting. Default 0
	Budget       time.Duration `json:",omitempty"` // for all requests of one sensor in one cycle; 0 = none
	Connections  int           `json:",omitempty"` // tcp: open at once, shared by the sensors; 0 = 1
}

// ModbusSensor overrides the bus for one sensor.
type ModbusSensor struct {
	Timeout time.Duration `json:",omitempty"` // 0 = the bus's
	Retries *int          `json:",omitempty"` // nil = the bus's
}

const (
	minTimeout  = 10 * time.Millisecond
	maxTimeout  = time.Minute
	mostRetries = 10
)

// modbusKeys are the keys of a bus that only Modbus has.
func (b *Bus) modbusKeys(given map[string]value) []field {
	of := func(name string, read func(value)) field {
		return key(name, func(v value) { given[name] = v; read(v) })
	}
	return []field{
		of("timeout", func(v value) { v.duration(&b.Timeout, minTimeout, maxTimeout) }),
		of("retries", func(v value) { v.retries(&b.Retries) }),
		of("pause", func(v value) { v.duration(&b.Pause, 0, time.Second) }),
		of("connect_pause", func(v value) { v.duration(&b.ConnectPause, 0, maxTimeout) }),
		of("budget", func(v value) { v.duration(&b.Budget, minTimeout, time.Hour) }),
		of("connections", func(v value) { v.integer(&b.Connections, 1, 16) }),
	}
}

func (v value) retries(dst **int) {
	var n int
	if v.integer(&n, 0, mostRetries) {
		*dst = &n
	}
}

// baudHint is for keys that belong into the address of a line.
const baudHint = `write it into the address of the bus: "rtu:///dev/ttyUSB0?baud=9600&parity=none"`

// otherBusKeys are keys that stand elsewhere.
var otherBusKeys = map[string]string{
	"baud": baudHint, "parity": baudHint, "stop": baudHint, "listen": baudHint, "rs485": baudHint,
	"unit": "write it at the sensor", "max_registers": "write it at the sensor", "max_gap": "write it at the sensor",
	"never_read": "write it at the sensor", "join": "write it at the sensor", "address_base": "write it at the sensor",
}

// onlyHeard reports keys of a sensor that say how it is asked, on a line that is
// only listened to.
func (s *Sensor) onlyHeard(c *Config, given map[string]value) {
	for _, b := range c.Buses {
		if b.Name != s.Bus || b.Modbus == nil || !b.Modbus.Listen {
			continue
		}
		for _, name := range []string{"max_gap", "max_registers", "never_read", "join", "timeout", "retries"} {
			if v, has := given[name]; has {
				v.fail("leave it out", "a line that is only listened to has no %s of a sensor", name)
			}
		}
	}
}

// checkModbusKeys reports keys that the kind of bus does not have.
func (b *Bus) checkModbusKeys(given map[string]value) {
	if b.I2C != "" {
		for name, v := range given {
			if name == "timeout" {
				v.fail("leave it out", "an I2C bus has no timeout of its own: the kernel's driver has 200ms")
			} else {
				v.fail("leave it out", "an I2C bus has no %s", name)
			}
		}
	}
	if v, has := given["connections"]; has && b.Connections > 1 && b.Modbus != nil && b.Modbus.Serial != nil {
		v.fail("leave it out", "a serial line carries one request at a time")
	}
	if b.Modbus != nil && b.Modbus.Listen {
		for name, v := range given {
			if name != "timeout" { // it bounds how late an answer is believed
				v.fail("leave it out", "a line that is only listened to has no %s", name)
			}
		}
	}
}

// unitOnLine refuses what no device on a serial line has: MODBUS over Serial
// Line V1.02 §2.2.
func (v value) unitOnLine(c *Config, s *Sensor) {
	for _, b := range c.Buses {
		if b.Name == s.Bus && b.Modbus != nil && b.Modbus.Scheme == "rtu" && (s.Unit == 0 || s.Unit > 247) {
			v.fail("the device shows or documents its own", "unit %d is outside 1 to 247, which devices on a serial line have", s.Unit)
		}
	}
}

package config

import (
	"slices"
	"time"
)

// keysOf tells which kinds of bus a sensor's key belongs to.
var keysOf = map[string][]string{
	"bus":          {busI2C, busModbus},
	"address":      {busI2C},
	"unit":         {busModbus},
	"address_base": {busModbus},
	"registers":    {busModbus},
	"file":         {busFile},
	"channels":     {busFile, busKernel},
	"loop":         {busFile},
	"limits":       {busI2C, busFile, busKernel},
	"ranges":       {busI2C, busFile, busKernel},
	"checks":       {busI2C, busFile, busKernel},
	"shunt":        {},
	"device":       {busKernel},
	"axes":         {},
	"rate":         {},
	"samples":      {},
	"bands":        {},
	"inputs":       {},
	"init":         {},
	"check":        {},

	"max_gap":       {busModbus},
	"max_registers": {busModbus},
	"never_read":    {busModbus},
	"join":          {busModbus},
	"timeout":       {busModbus},
	"retries":       {busModbus},
}

const (
	defaultMaxGap = 8   // about the cost of another request at 9600 baud
	maxRegisters  = 125 // in one answer, Modbus Application Protocol V1.1b3 §6.3
)

// sensorKeys reads the keys of one sensor.
type sensorKeys struct {
	c     *Config
	s     *Sensor
	info  DriverInfo
	known bool             // info is
	given map[string]value // keys that depend on the driver
}

// of reads a key only where it belongs to the driver.
func (k *sensorKeys) of(name string, read func(value)) field {
	return key(name, func(v value) {
		k.given[name] = v
		if k.known && !slices.Contains(keysOf[name], k.info.Bus) && !slices.Contains(k.info.Keys, name) {
			hint := "remove it"
			if k.info.Bus == busModbus && slices.Contains(keysOf[name], busFile) && name != "file" {
				hint = "write it at the register"
			}
			v.fail(hint, "does not belong to driver %q", k.s.Driver)
			return
		}
		read(v)
	})
}

// fields are all keys of a sensor in the order in which they are read: the driver
// before what belongs to it.
func (k *sensorKeys) fields() []field {
	c, s := k.c, k.s
	return slices.Concat([]field{
		need("name", func(v value) { v.label(&s.Name) }),
		need("driver", func(v value) {
			if k.info, k.known = v.driver(s); k.known && k.info.Bus == busModbus {
				s.MaxGap, s.MaxRegisters, s.Join = defaultMaxGap, maxRegisters, true
			}
		}),
		k.of("bus", func(v value) { v.busOf(c, s, k.info, k.known) }),
	}, k.modbus(), k.chip(), []field{
		k.of("file", func(v value) { v.file(&s.File) }),
		k.of("channels", func(v value) { v.columns(s) }),
		k.of("loop", func(v value) { v.boolean(&s.Loop) }),
		key("period", func(v value) { v.duration(&s.Period, 10*time.Millisecond, 24*time.Hour) }),
		key("max_age", func(v value) { v.duration(&s.MaxAge, 10*time.Millisecond, 7*24*time.Hour) }),
	}, k.kernel(), []field{ // of the channels, which are not known yet
		k.of("limits", func(value) {}),
		k.of("ranges", func(value) {}),
		k.of("checks", func(value) {}),
	})
}

func (k *sensorKeys) modbus() []field {
	s := k.s
	return []field{
		k.of("unit", func(v value) {
			if v.unitID(s) {
				v.unitOnLine(k.c, s)
			}
		}),
		k.of("address_base", func(v value) { v.integer(&s.AddressBase, 0, 1) }),
		k.of("max_gap", func(v value) { v.integer(&s.MaxGap, 0, maxRegisters) }),
		k.of("max_registers", func(v value) { v.integer(&s.MaxRegisters, 1, maxRegisters) }),
		k.of("never_read", func(v value) { v.neverRead(s) }),
		k.of("join", func(v value) { v.boolean(&s.Join) }),
		k.of("timeout", func(v value) { v.duration(&s.Timeout, minTimeout, maxTimeout) }),
		k.of("retries", func(v value) { v.retries(&s.Retries) }),
	}
}

// chip are the keys of I2C chips, and registers, which Modbus has too.
func (k *sensorKeys) chip() []field {
	s := k.s
	return []field{
		k.of("address", func(v value) { v.i2cAddress(s, k.info) }),
		k.of("shunt", func(v value) { v.numberIn(&s.Shunt, 1e-6, 100) }),
		k.of("registers", func(v value) {
			if k.info.Bus == busI2C {
				v.chipRegisters(s)
				return
			}
			v.registers(s)
		}),
		k.of("inputs", func(v value) { v.inputs(s) }),
		k.of("init", func(v value) { v.chipInit(s) }),
		k.of("check", func(v value) { v.chipChecks(s) }),
	}
}

// kernel are the keys of what a driver of the kernel reads; rate is a converter's
// too.
func (k *sensorKeys) kernel() []field {
	s := k.s
	return []field{
		k.of("device", func(v value) { v.kernelDevice(s) }),
		k.of("axes", func(v value) { v.axes(s) }),
		k.of("rate", func(v value) {
			if k.info.Bus == busI2C {
				v.converterRate(s)
				return
			}
			v.numberIn(&s.Rate, 50, 100_000)
		}),
		k.of("samples", func(v value) { v.samples(s) }),
		k.of("bands", func(v value) { v.bands(s) }),
	}
}

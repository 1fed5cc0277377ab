package main

import (
	"errors"
	"io"

	"periph.io/x/conn/v3/i2c"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/drivers/modbus"
)

// openI2C opens the bus that a configuration names; board.OpenI2C on a gateway,
// a simulated bus in the demonstration.
type openI2C func(name string) (i2c.BusCloser, error)

// line is one physical bus as drivers receive it: i2c, modbus or ear
// is set, none for sensors that sit on no bus.
type line struct {
	i2c    i2c.Bus // a *reopening, save in tests
	modbus *modbus.Line
	ear    *ear
	bus    config.Bus // as configured
}

// lines are the buses of a configuration. Opening them touches no hardware: a
// bus that is absent heals when it comes.
type lines struct {
	byName map[string]line
	close  []io.Closer
}

func newLines(buses []config.Bus, open openI2C) *lines {
	l := &lines{byName: map[string]line{}}
	for _, b := range buses {
		made, closer := newLine(b, open)
		made.bus = b
		l.byName[b.Name] = made
		l.close = append(l.close, closer)
	}
	return l
}

// newLine makes the line of a bus, one function a scheme.
func newLine(b config.Bus, open openI2C) (line, io.Closer) {
	if b.Modbus == nil {
		r := &reopening{name: b.I2C, open: open}
		return line{i2c: r}, r
	}
	if b.Modbus.Listen {
		e := newEar(b)
		return line{ear: e}, e
	}
	var m *modbus.Line
	switch b.Modbus.Scheme {
	case "rtu":
		m = rtuLine(b)
	case "rtutcp":
		m = rtuOverTCPLine(b)
	default:
		m = tcpLine(b)
	}
	return line{modbus: m}, m
}

func (l *lines) Close() error {
	var errs []error
	for _, c := range l.close {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

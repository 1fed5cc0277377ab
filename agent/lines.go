package main

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/drivers"
	"iot-edge-anomaly/drivers/modbus"
)

// openI2C opens the bus that a configuration names; board.OpenI2C on a gateway,
// a simulated bus in the demonstration.
type openI2C func(name string) (i2c.BusCloser, error)

// line is one physical bus as drivers receive it: i2c or modbus is set, none
// for sensors that sit on no bus.
type line struct {
	i2c    i2c.Bus
	modbus *modbus.Line
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

// reopening is an I2C bus that is opened when it is first used, and again when
// it has failed for a while: adapters vanish and come back under the same name.
// It is safe for concurrent use.
type reopening struct {
	name string
	open openI2C

	mu    sync.Mutex
	bus   i2c.BusCloser // nil = not open
	fails int           // transfers in a row
	next  time.Time     // earliest next attempt to open
	err   error         // of the newest attempt
}

const (
	reopenAfter = 8           // failed transfers in a row: more than one bad chip
	openPause   = time.Second // between attempts to open
)

func (r *reopening) String() string { return r.name }

// SetSpeed is refused: the bus speed is the board's (dtparam), shared by all.
func (r *reopening) SetSpeed(physic.Frequency) error {
	return errors.New("set i2c speed: configured by the board")
}

func (r *reopening) Tx(addr uint16, w, rd []byte) error {
	bus, err := r.ensure()
	if err != nil {
		return err
	}
	// Without the lock: a controller that hangs must not hold up Close.
	err = bus.Tx(addr, w, rd)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		r.fails = 0
		return nil
	}
	if r.fails++; r.fails >= reopenAfter && r.bus == bus {
		err = errors.Join(err, bus.Close())
		r.bus, r.fails = nil, 0
	}
	return err
}

// ensure opens the bus where it is not open, at most once in openPause.
func (r *reopening) ensure() (i2c.BusCloser, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.bus != nil {
		return r.bus, nil
	}
	now := time.Now()
	if now.Before(r.next) {
		return nil, r.err
	}
	r.next = now.Add(openPause)
	bus, err := r.open(r.name)
	if err != nil {
		r.err = fmt.Errorf("%w: %w", drivers.ErrBus, err)
		return nil, r.err
	}
	r.bus = bus
	return bus, nil
}

func (r *reopening) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.bus == nil {
		return nil
	}
	err := r.bus.Close()
	r.bus = nil
	return err
}

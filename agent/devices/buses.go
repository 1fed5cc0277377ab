package devices

import (
	"context"
	"errors"
	"io"
	"slices"

	"periph.io/x/conn/v3/i2c"

	"iot-edge-anomaly/agent/broker"
	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/board"
	"iot-edge-anomaly/drivers/modbus"
)

// Host is the computer whose buses are opened. The zero Host is this one; tests
// and the demonstration put simulated parts in its place.
type Host struct {
	// I2C opens the bus that a configuration names. Nil means board.OpenI2C.
	I2C func(name string) (i2c.BusCloser, error)

	// Root is the folder below which /sys and /dev are found. Empty means /.
	Root string
}

// bus is one bus as a driver receives it. One of i2c, modbus, sniffer and broker is
// set; none is for a sensor that sits on no bus of the configuration.
type bus struct {
	i2c     i2c.Bus // an *i2cBus, except in tests
	modbus  *modbus.Line
	sniffer *sniffer
	broker  *subscription
	err     error      // why there is no broker
	conf    config.Bus // as configured
	root    string     // Host.Root
}

// Buses are the buses of a configuration. They are safe for concurrent use.
type Buses struct {
	host     Host
	adapters map[string]*i2cAdapter // by the name in the configuration
	order    []string               // as configured
	byName   map[string]bus
	brokers  map[broker.Options]*subscription // made with the first sensor of each
	readers  map[string]*subscription         // by sensor: the connection it reads from
	closers  []io.Closer
}

// Open makes the buses of a configuration. It touches no hardware: a bus is
// opened with the first transfer, and again after it has failed. The caller closes
// the Buses.
func Open(buses []config.Bus, h Host) *Buses {
	if h.I2C == nil {
		h.I2C = board.OpenI2C
	}
	return openOn(buses, h, map[string]*i2cAdapter{})
}

// openOn is Open on I2C adapters that are in use already.
func openOn(buses []config.Bus, h Host, adapters map[string]*i2cAdapter) *Buses {
	out := &Buses{host: h, adapters: adapters, byName: map[string]bus{}, brokers: map[broker.Options]*subscription{}, readers: map[string]*subscription{}}
	for _, c := range buses {
		b, closer := out.open(c)
		b.conf, b.root = c, h.Root
		out.byName[c.Name] = b
		out.order = append(out.order, c.Name)
		out.closers = append(out.closers, closer)
	}
	return out
}

// Next makes the buses of another configuration. Those that keepBus names go on: both
// Buses have them; so do the connections to brokers that sensors read from, while one
// of these is named by keepSensor. Other sensors get a connection of their own, for
// one that goes on subscribes to nothing new. The caller closes the rest by CloseBut.
func (b *Buses) Next(buses []config.Bus, keepBus, keepSensor func(name string) bool) *Buses {
	var made []config.Bus
	for _, c := range buses {
		if !keepBus(c.Name) {
			made = append(made, c)
		}
	}
	fresh := openOn(made, b.host, b.adapters)
	out := openOn(nil, b.host, b.adapters)
	for _, c := range buses {
		from := fresh
		if keepBus(c.Name) {
			from = b
		}
		out.byName[c.Name] = from.byName[c.Name]
		out.order = append(out.order, c.Name)
		out.closers = append(out.closers, from.closers[slices.Index(from.order, c.Name)])
	}
	for sensor, s := range b.readers {
		if !keepSensor(sensor) {
			continue
		}
		out.readers[sensor] = s
		if !slices.Contains(out.closers, io.Closer(s)) {
			out.closers = append(out.closers, s)
		}
	}
	return out
}

// CloseBut closes the buses that next does not have and joins the errors.
func (b *Buses) CloseBut(next *Buses) error {
	var errs []error
	for _, c := range b.closers {
		if !slices.Contains(next.closers, c) {
			errs = append(errs, c.Close())
		}
	}
	return errors.Join(errs...)
}

// open makes one bus.
func (b *Buses) open(c config.Bus) (bus, io.Closer) {
	if c.Modbus == nil {
		a := b.adapters[c.I2C]
		if a == nil {
			a = &i2cAdapter{open: b.host.I2C}
			b.adapters[c.I2C] = a
		}
		b := &i2cBus{name: c.I2C, open: a.opener(c.Mux, c.Port)}
		return bus{i2c: b}, b
	}
	if c.Modbus.Listen {
		s := newSniffer(c)
		return bus{sniffer: s}, s
	}
	var l *modbus.Line
	switch c.Modbus.Scheme {
	case "rtu":
		l = rtuLine(c)
	case "rtutcp":
		l = rtuOverTCPLine(c)
	default:
		l = tcpLine(c)
	}
	return bus{modbus: l}, l
}

// of is the bus that a sensor sits on.
func (b *Buses) of(s config.Sensor) bus {
	if on, ok := b.byName[s.Bus]; ok {
		return on
	}
	if s.Driver == "mqtt" {
		on, err := b.subscription(s)
		b.readers[s.Name] = on
		return bus{broker: on, err: err}
	}
	return bus{root: b.host.Root}
}

// Modbus is the named line, or nil where there is no Modbus line of that name
// that is polled. It stays the property of Buses.
func (b *Buses) Modbus(name string) *modbus.Line { return b.byName[name].modbus }

// Close closes all buses, ends all listening and joins the errors.
func (b *Buses) Close() error {
	var errs []error
	for _, c := range b.closers {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// Listen begins to listen on the Modbus lines that another master polls and to the
// brokers of the sensors, until Close or the end of ctx. What has begun goes on. Other
// buses need no beginning. It is called after Sensors, by one goroutine.
func (b *Buses) Listen(ctx context.Context) {
	for _, s := range b.sniffers() {
		if s.cancel == nil {
			s.start(ctx)
		}
	}
	for _, s := range b.brokers {
		if s.cancel == nil {
			s.start(ctx)
		}
	}
}

// I2CStats copies the counters of the I2C buses, in the configuration's order.
func (b *Buses) I2CStats() (out []I2CStats) {
	for _, name := range b.order {
		if r, ok := b.byName[name].i2c.(*i2cBus); ok {
			s := r.counters()
			s.Bus = name
			out = append(out, s)
		}
	}
	return out
}

// ModbusStats are the counters of one Modbus bus that is polled, since Open.
type ModbusStats struct {
	Bus string
	modbus.Stats
}

// ModbusStats copies the counters of the Modbus buses that are polled, in the
// configuration's order.
func (b *Buses) ModbusStats() (out []ModbusStats) {
	for _, name := range b.order {
		if line := b.byName[name].modbus; line != nil {
			out = append(out, ModbusStats{name, line.Stats()})
		}
	}
	return out
}

package ina

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"periph.io/x/conn/v3/i2c"

	"iot-edge-anomaly/drivers"
	"iot-edge-anomaly/drivers/internal/chip"
)

// Registers that both chips have, INA219 §8.6.1 table 2, INA226 §7.1 table 7-1:
// 16 bits, most significant byte first.
const (
	regConfig = 0x00
	regShunt  = 0x01 // two's complement
	regBus    = 0x02 // never negative
)

// modeContinuous is the operating mode that converts shunt and bus voltage
// continuously, INA219 §8.6.2.1 table 6, INA226 §7.1.1 table 7-6.
const modeContinuous = 7

// Options selects the chip and its shunt. The zero value is a chip at 0x40 with
// 0.1 Ω.
type Options struct {
	// Address is 0x40 (also when 0) to 0x4F.
	Address uint16
	// ShuntOhm is the resistance of the shunt in Ω; 0 = 0.1.
	ShuntOhm float64
}

// Dev is a chip on a bus. It is not safe for concurrent use. Use NewINA219 or
// NewINA226.
type Dev struct {
	chip   chip.Chip
	ohm    float64
	sample func(*Dev, context.Context) (sample, error)
}

// sample is one conversion of both voltages.
type sample struct {
	bus, shunt         int     // raw
	busEnd, shuntEnd   int     // raw values at the ends of the ranges
	busVolt, shuntVolt float64 // V per bit
}

var channels = []drivers.Channel{
	{Name: "voltage", Quantity: drivers.Voltage},
	{Name: "current", Quantity: drivers.Current},
	{Name: "power", Quantity: drivers.Power},
}

// NewINA219 returns the INA219 at o.Address of bus. It makes no transfer: the
// chip may be absent and come later. An error means that o is invalid.
func NewINA219(bus i2c.Bus, o Options) (*Dev, error) { return open(bus, o, "ina219", (*Dev).ina219) }

// NewINA226 is NewINA219 for an INA226.
func NewINA226(bus i2c.Bus, o Options) (*Dev, error) { return open(bus, o, "ina226", (*Dev).ina226) }

func open(bus i2c.Bus, o Options, name string, take func(*Dev, context.Context) (sample, error)) (*Dev, error) {
	c, err := chip.New(bus, name, o.Address, 0x40, 0x4F)
	if err != nil {
		return nil, err
	}
	if o.ShuntOhm == 0 {
		o.ShuntOhm = 0.1
	}
	if !(o.ShuntOhm > 0) || math.IsInf(o.ShuntOhm, 0) {
		return nil, fmt.Errorf("%s: shunt %v Ω, want more than 0", name, o.ShuntOhm)
	}
	return &Dev{chip: c, ohm: o.ShuntOhm, sample: take}, nil
}

// Channels returns voltage in V, current in A (negative if it flows in the opposite
// direction), power in W.
func Channels() []drivers.Channel { return slices.Clone(channels) }

// Channels implements drivers.Sensor; the caller must not change the result.
func (d *Dev) Channels() []drivers.Channel { return channels }

// String returns the chip's name as used in its errors.
func (d *Dev) String() string { return d.chip.String() }

// Close does nothing: the bus belongs to whoever opened it.
func (d *Dev) Close() error { return nil }

// Read waits for the next conversion, 1.2 ms (INA226: 2.2 ms) with the chip's
// power-on settings, and stores it in dst (3 cells). If one of the two voltages is
// exactly 0 it waits for one more conversion. If only one of them is at the end of
// its range, the other value is still delivered.
func (d *Dev) Read(ctx context.Context, dst []float64) error {
	return d.chip.Read(ctx, dst, len(channels), d.measure)
}

func (d *Dev) measure(ctx context.Context, dst []float64) error {
	s, err := d.sample(d, ctx)
	if err == nil && (s.bus == 0 || s.shunt == 0) {
		s, err = d.sample(d, ctx) // a chip that was reset meanwhile holds 0 too
	}
	if err != nil {
		return err
	}
	return s.convert(d.ohm, dst)
}

// convert computes dst from a sample: I = Vshunt/R, P = V*I. The example of both
// datasheets (INA219 §9.2.2.1, INA226 §6.5.1), 20 mV across 2 mΩ at 11.98 V, gives
// 10 A and 119.8 W.
func (s *sample) convert(ohm float64, dst []float64) error {
	var errBus, errShunt error
	if s.bus >= s.busEnd {
		errBus = fmt.Errorf("bus voltage is at the end of its range, %.4g V", float64(s.busEnd)*s.busVolt)
	} else {
		dst[0] = float64(s.bus) * s.busVolt
	}
	if s.shunt >= s.shuntEnd || s.shunt <= -s.shuntEnd {
		errShunt = fmt.Errorf("shunt voltage is at the end of its range, ±%.4g mV", float64(s.shuntEnd)*s.shuntVolt*1e3)
	} else {
		dst[1] = float64(s.shunt) * s.shuntVolt / ohm
	}
	dst[2] = dst[0] * dst[1]
	return errors.Join(errBus, errShunt)
}

// configuration reads the configuration register. It returns an error for the value
// of a dead line, for the other chip, which bit 14 identifies, and for an operating
// mode that does not convert continuously.
func (d *Dev) configuration(bit14 uint16, other string) (uint16, error) {
	c, err := d.chip.Word("configuration", regConfig)
	switch mode := c & 7; {
	case err != nil:
		return 0, err
	case c == 0xFFFF:
		return 0, errors.New("configuration is all ones")
	case c&(1<<14) != bit14:
		return 0, fmt.Errorf("configuration 0x%04x does not fit this chip: is it an %s?", c, other)
	case mode != modeContinuous:
		return 0, fmt.Errorf("operating mode %d, want %d (shunt and bus, continuous); power-cycle the chip", mode, modeContinuous)
	}
	return c, nil
}

var _ drivers.Sensor = (*Dev)(nil)

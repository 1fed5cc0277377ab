package ina219

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"periph.io/x/conn/v3/i2c"

	"iot-edge-anomaly/drivers"
	"iot-edge-anomaly/drivers/internal/chip"
)

// Registers, §8.6.1 table 2: 16 bits, most significant byte first.
const (
	regConfig = 0x00 // §8.6.2.1
	regShunt  = 0x01 // §8.6.3.1: 10 µV a bit, two's complement
	regBus    = 0x02 // §8.6.3.2: 4 mV a bit from bit 3 on
	regPower  = 0x03 // §8.6.3.3: reading it clears conversion ready
)

const (
	busReady = 1 << 1 // §8.6.3.2: CNVR

	shuntVolt = 10e-6
	busVolt   = 4e-3
)

// Options says which chip and with which shunt. The zero value is a chip at
// 0x40 with 0.1 Ω.
type Options struct {
	// Address is 0x40 (also when 0) to 0x4F, §8.5.5.1 table 1.
	Address uint16
	// ShuntOhm is the resistance of the shunt in Ω; 0 = 0.1.
	ShuntOhm float64
}

// Dev is an INA219 on a bus. It is not safe for concurrent use. Use New.
type Dev struct {
	chip chip.Chip
	ohm  float64
}

var channels = []drivers.Channel{
	{Name: "voltage", Quantity: drivers.Voltage},
	{Name: "current", Quantity: drivers.Current},
	{Name: "power", Quantity: drivers.Power},
}

// New returns the chip at o.Address of bus. It makes no transaction: the chip
// may be absent and come later. The error is about o.
func New(bus i2c.Bus, o Options) (*Dev, error) {
	c, err := chip.New(bus, "ina219", o.Address, 0x40, 0x4F)
	if err != nil {
		return nil, err
	}
	if o.ShuntOhm == 0 {
		o.ShuntOhm = 0.1
	}
	if !(o.ShuntOhm > 0) || math.IsInf(o.ShuntOhm, 0) {
		return nil, fmt.Errorf("ina219: shunt %v Ω, want more than 0", o.ShuntOhm)
	}
	return &Dev{chip: c, ohm: o.ShuntOhm}, nil
}

// Channels returns voltage in V, current in A (negative when it flows back),
// power in W.
func Channels() []drivers.Channel { return slices.Clone(channels) }

// Channels implements drivers.Sensor; the result is not to be changed.
func (d *Dev) Channels() []drivers.Channel { return channels }

// String names the chip as its errors do.
func (d *Dev) String() string { return d.chip.String() }

// Close does nothing: the bus belongs to its opener.
func (d *Dev) Close() error { return nil }

// Read waits for the next conversion, 1.2 ms with the chip's power-on
// settings, and takes it into dst (3). Where only one of the two converters is
// at the end of its range, the other value is still delivered.
func (d *Dev) Read(ctx context.Context, dst []float64) error {
	return d.chip.Read(ctx, dst, len(channels), d.measure)
}

func (d *Dev) measure(ctx context.Context, dst []float64) error {
	v, err := d.chip.Word("configuration", regConfig)
	if err != nil {
		return err
	}
	conf := config(v)
	if err := conf.check(); err != nil {
		return err
	}
	if _, err := d.chip.Word("power", regPower); err != nil {
		return err
	}
	bus, err := d.await(ctx, conf.conversion())
	if err != nil {
		return err
	}
	shunt, err := d.chip.Word("shunt voltage", regShunt)
	if err != nil {
		return err
	}
	return d.convert(conf, bus>>3, int16(shunt), dst)
}

// convert turns raw values into dst: I = Vshunt/R, P = V*I. With 07D0h (20 mV)
// over 2 mΩ and 2995 (11.98 V), the datasheet's example in §9.2.2.1, it gives
// 10 A and 119.8 W.
func (d *Dev) convert(conf config, bus uint16, shunt int16, dst []float64) error {
	var errBus, errShunt error
	if limit := conf.busLimit(); bus >= limit {
		errBus = fmt.Errorf("bus voltage is at the end of its range, %.0f V", float64(limit)*busVolt)
	} else {
		dst[0] = float64(bus) * busVolt
	}
	if limit := conf.shuntLimit(); int(shunt) >= limit || int(shunt) <= -limit {
		errShunt = fmt.Errorf("shunt voltage is at the end of its range, ±%.0f mV", float64(limit)*shuntVolt*1e3)
	} else {
		dst[1] = float64(shunt) * shuntVolt / d.ohm
	}
	dst[2] = dst[0] * dst[1]
	return errors.Join(errBus, errShunt)
}

// await waits for a conversion of the given length and returns the bus voltage
// register with the ready flag set. The flag may come up to 10 % late (§7.5:
// 586 µs for 532 µs), so it is asked for three times more.
func (d *Dev) await(ctx context.Context, conversion time.Duration) (v uint16, err error) {
	err = d.chip.Poll(ctx, conversion, conversion/2, 4, func() (bool, error) {
		v, err = d.chip.Word("bus voltage", regBus)
		return v&busReady != 0, err
	})
	if err == chip.ErrNotReady {
		return 0, fmt.Errorf("no conversion within %v", conversion*5/2)
	}
	return v, err
}

var _ drivers.Sensor = (*Dev)(nil)

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
	bus   i2c.Bus
	addr  uint16
	ohm   float64
	timer *time.Timer
	w     [1]byte
	r     [2]byte
}

var channels = []drivers.Channel{
	{Name: "voltage", Quantity: drivers.Voltage},
	{Name: "current", Quantity: drivers.Current},
	{Name: "power", Quantity: drivers.Power},
}

// New returns the chip at o.Address of bus. It makes no transaction: the chip
// may be absent and come later. The error is about o.
func New(bus i2c.Bus, o Options) (*Dev, error) {
	if o.Address == 0 {
		o.Address = 0x40
	}
	if o.Address < 0x40 || o.Address > 0x4F {
		return nil, fmt.Errorf("ina219: address 0x%02x, want 0x40 to 0x4f", o.Address)
	}
	if o.ShuntOhm == 0 {
		o.ShuntOhm = 0.1
	}
	if !(o.ShuntOhm > 0) || math.IsInf(o.ShuntOhm, 0) {
		return nil, fmt.Errorf("ina219: shunt %v Ω, want more than 0", o.ShuntOhm)
	}
	return &Dev{bus: bus, addr: o.Address, ohm: o.ShuntOhm}, nil
}

// Channels returns voltage in V, current in A (negative when it flows back),
// power in W.
func Channels() []drivers.Channel { return slices.Clone(channels) }

// Channels implements drivers.Sensor; the result is not to be changed.
func (d *Dev) Channels() []drivers.Channel { return channels }

// String names the chip as its errors do.
func (d *Dev) String() string { return fmt.Sprintf("ina219 at 0x%02x", d.addr) }

// Close does nothing: the bus belongs to its opener.
func (d *Dev) Close() error { return nil }

// Read waits for the next conversion, 1.2 ms with the chip's power-on
// settings, and takes it into dst (3). Where only one of the two converters is
// at the end of its range, the other value is still delivered.
func (d *Dev) Read(ctx context.Context, dst []float64) error {
	for i := range dst {
		dst[i] = math.NaN()
	}
	if len(dst) != len(channels) {
		return fmt.Errorf("%v: %d cells for %d channels", d, len(dst), len(channels))
	}
	if err := d.measure(ctx, dst); err != nil {
		return fmt.Errorf("%v: %w", d, err)
	}
	return nil
}

func (d *Dev) measure(ctx context.Context, dst []float64) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	v, err := d.register("configuration", regConfig)
	if err != nil {
		return err
	}
	conf := config(v)
	if err := conf.check(); err != nil {
		return err
	}
	if _, err := d.register("power", regPower); err != nil {
		return err
	}
	bus, err := d.await(ctx, conf.conversion())
	if err != nil {
		return err
	}
	shunt, err := d.register("shunt voltage", regShunt)
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
func (d *Dev) await(ctx context.Context, conversion time.Duration) (uint16, error) {
	wait := conversion
	for range 4 {
		if err := d.sleep(ctx, wait); err != nil {
			return 0, err
		}
		v, err := d.register("bus voltage", regBus)
		if err != nil {
			return 0, err
		}
		if v&busReady != 0 {
			return v, nil
		}
		wait = conversion / 2
	}
	return 0, fmt.Errorf("no conversion within %v", conversion*5/2)
}

func (d *Dev) sleep(ctx context.Context, wait time.Duration) error {
	if d.timer == nil {
		d.timer = time.NewTimer(wait)
	} else {
		d.timer.Reset(wait)
	}
	select {
	case <-ctx.Done():
		d.timer.Stop()
		return ctx.Err()
	case <-d.timer.C:
		return nil
	}
}

func (d *Dev) register(what string, reg byte) (uint16, error) {
	d.w[0] = reg
	if err := d.bus.Tx(d.addr, d.w[:], d.r[:]); err != nil {
		return 0, fmt.Errorf("reading %s: %w", what, err)
	}
	return uint16(d.r[0])<<8 | uint16(d.r[1]), nil
}

var _ drivers.Sensor = (*Dev)(nil)

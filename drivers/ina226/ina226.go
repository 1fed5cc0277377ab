package ina226

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

// Registers, §7.1 table 7-1: 16 bits, most significant byte first.
const (
	regConfig       = 0x00 // §7.1.1
	regShunt        = 0x01 // §7.1.2: 2.5 µV a bit, two's complement
	regBus          = 0x02 // §7.1.3: 1.25 mV a bit, never negative
	regMask         = 0x06 // §7.1.7: reading it clears conversion ready
	regManufacturer = 0xFE // §7.1.9
	regDie          = 0xFF // §7.1.10
)

const (
	ready          = 1 << 3 // §7.1.7: CVRF
	modeContinuous = 7      // §7.1.1 table 7-6: shunt and bus

	shuntVolt = 2.5e-6
	busVolt   = 1.25e-3

	manufacturer = 0x5449
	die          = 0x2260

	longest = time.Second // of a conversion that is waited for
)

// Options says which chip and with which shunt. The zero value is a chip at
// 0x40 with 0.1 Ω.
type Options struct {
	// Address is 0x40 (also when 0) to 0x4F, §6.5.5.1 table 6-2.
	Address uint16
	// ShuntOhm is the resistance of the shunt in Ω; 0 = 0.1.
	ShuntOhm float64
}

// Dev is an INA226 on a bus. It is not safe for concurrent use. Use New.
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
	c, err := chip.New(bus, "ina226", o.Address, 0x40, 0x4F)
	if err != nil {
		return nil, err
	}
	if o.ShuntOhm == 0 {
		o.ShuntOhm = 0.1
	}
	if !(o.ShuntOhm > 0) || math.IsInf(o.ShuntOhm, 0) {
		return nil, fmt.Errorf("ina226: shunt %v Ω, want more than 0", o.ShuntOhm)
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

// Read waits for the next conversion, 2.2 ms with the chip's power-on settings,
// and takes it into dst (3). Where only one of the two converters is at the end
// of its range, the other value is still delivered.
func (d *Dev) Read(ctx context.Context, dst []float64) error {
	return d.chip.Read(ctx, dst, len(channels), d.measure)
}

func (d *Dev) measure(ctx context.Context, dst []float64) error {
	conf, err := d.chip.Word("configuration", regConfig)
	if err != nil {
		return err
	}
	takes, err := conversion(conf)
	if err != nil {
		return err
	}
	if _, err := d.chip.Word("conversion ready", regMask); err != nil {
		return err
	}
	err = d.chip.Poll(ctx, takes, takes/4, 4, func() (bool, error) {
		v, err := d.chip.Word("conversion ready", regMask)
		return v&ready != 0, err
	})
	if err == chip.ErrNotReady {
		return fmt.Errorf("no conversion within %v", takes*7/4)
	} else if err != nil {
		return err
	}
	shunt, err := d.chip.Word("shunt voltage", regShunt)
	if err != nil {
		return err
	}
	bus, err := d.chip.Word("bus voltage", regBus)
	if err != nil {
		return err
	}
	return d.convert(int16(bus), int16(shunt), dst)
}

// conversion is the longest time of all averages of one shunt and one bus
// conversion, or why a chip with this configuration is not read.
func conversion(conf uint16) (time.Duration, error) {
	switch {
	case conf == 0xFFFF:
		return 0, errors.New("configuration is all ones")
	case conf&7 != modeContinuous:
		return 0, fmt.Errorf("operating mode %d, want %d (shunt and bus, continuous); power-cycle the chip", conf&7, modeContinuous)
	}
	// §5.5: the maximum is 10 % above table 7-4's typical 140 µs to 8.244 ms.
	adc := [...]time.Duration{154, 224, 365, 646, 1210, 2328, 4572, 9068}
	averages := [...]time.Duration{1, 4, 16, 64, 128, 256, 512, 1024} // table 7-3
	takes := averages[conf>>9&7] * (adc[conf>>6&7] + adc[conf>>3&7]) * time.Microsecond
	if takes > longest {
		return 0, fmt.Errorf("a conversion takes %v, want at most %v; power-cycle the chip", takes, longest)
	}
	return takes, nil
}

// convert turns raw values into dst: I = Vshunt/R, P = V*I. With 1F40h (20 mV)
// over 2 mΩ and 2570h (11.98 V), the datasheet's example in §8.2.2, it gives
// 10 A and 119.8 W.
func (d *Dev) convert(bus, shunt int16, dst []float64) error {
	var errBus, errShunt error
	if bus < 0 || bus == math.MaxInt16 {
		errBus = errors.New("bus voltage is at the end of its range, 40.96 V")
	} else {
		dst[0] = float64(bus) * busVolt
	}
	if shunt == math.MaxInt16 || shunt == math.MinInt16 {
		errShunt = errors.New("shunt voltage is at the end of its range, ±81.92 mV")
	} else {
		dst[1] = float64(shunt) * shuntVolt / d.ohm
	}
	dst[2] = dst[0] * dst[1]
	return errors.Join(errBus, errShunt)
}

// Identify tells which driver reads the chip at addr: "ina226" by its two id
// registers; empty where it is none or does not answer.
func Identify(bus i2c.Bus, addr uint16) string {
	c, err := chip.New(bus, "ina226", addr, 0x40, 0x4F)
	if err != nil {
		return ""
	}
	m, errM := c.Word("manufacturer id", regManufacturer)
	v, errD := c.Word("die id", regDie)
	if errors.Join(errM, errD) != nil || m != manufacturer || v != die {
		return ""
	}
	return "ina226"
}

var _ drivers.Sensor = (*Dev)(nil)

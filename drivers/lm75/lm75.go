package lm75

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

// Registers, §7.4.
const (
	regTemp   = 0x00 // §7.4.3: two's complement, left-aligned, high byte first
	regConfig = 0x01 // §7.4.2: one byte; of relatives with two bytes, the first

	shutdown = 1 << 0 // §7.4.2: SHUTDOWN
)

// Options selects the chip. The zero value is an LM75A or LM75B at 0x48.
type Options struct {
	// Address is 0x48 (also when 0) to 0x4F.
	Address uint16
	// Bits is how many bits of the register carry the temperature; the others are
	// ignored, as §7.4.3 asks. 9 bits resolve 0.5 °C (LM75), 10 bits 0.25 °C, 11
	// bits 0.125 °C (LM75A, LM75B; also when 0), 12 bits 0.0625 °C (TMP75).
	Bits int
}

// Dev is an LM75 on a bus. It is not safe for concurrent use. Use New.
type Dev struct {
	chip chip.Chip
	mask uint16
	last float64 // the newest value; NaN = none
}

var channels = []drivers.Channel{{Name: "temperature", Quantity: drivers.Temperature}}

// New returns the chip at o.Address of bus. It makes no transfer: the chip may be
// absent and come later. An error means that o is invalid.
func New(bus i2c.Bus, o Options) (*Dev, error) {
	c, err := chip.New(bus, "lm75", o.Address, 0x48, 0x4F)
	if err != nil {
		return nil, err
	}
	if o.Bits == 0 {
		o.Bits = 11
	}
	if o.Bits < 9 || o.Bits > 12 {
		return nil, fmt.Errorf("lm75: %d bits, want 9 to 12", o.Bits)
	}
	return &Dev{chip: c, mask: 0xFFFF << (16 - o.Bits), last: math.NaN()}, nil
}

// Channels returns temperature in °C.
func Channels() []drivers.Channel { return slices.Clone(channels) }

// Channels implements drivers.Sensor; the caller must not change the result.
func (d *Dev) Channels() []drivers.Channel { return channels }

// String returns the chip's name as used in its errors.
func (d *Dev) String() string { return d.chip.String() }

// Close does nothing: the bus belongs to whoever opened it.
func (d *Dev) Close() error { return nil }

// Read stores the chip's latest conversion in dst (1 cell).
func (d *Dev) Read(ctx context.Context, dst []float64) error {
	return d.chip.Read(ctx, dst, len(channels), d.measure)
}

const (
	// firstConversion is the longest time from power-on to the end of the first
	// conversion, that of the original LM75. Until then the register is 0.
	firstConversion = 300 * time.Millisecond
	// nearZero is how close to 0 °C the previous value must be for an exact 0 to
	// be a plausible temperature.
	nearZero = 2 // °C
)

func (d *Dev) measure(ctx context.Context, dst []float64) error {
	last := d.last
	d.last = math.NaN() // until there is a value
	conf, err := d.chip.Registers("configuration", 1, regConfig)
	if err != nil {
		return err
	}
	if conf[0]&shutdown != 0 {
		return errors.New("the chip is in shutdown; power-cycle it")
	}
	v, err := d.register()
	if err == nil && v == 0 && !(math.Abs(last) <= nearZero) {
		if err = d.chip.Wait(ctx, firstConversion); err == nil {
			v, err = d.register()
		}
	}
	if err != nil {
		return err
	}
	d.last = celsius(v)
	dst[0] = d.last
	return nil
}

// register reads the temperature and clears its unused bits.
func (d *Dev) register() (uint16, error) {
	v, err := d.chip.Word("temperature", regTemp)
	return v & d.mask, err
}

// celsius is §7.4.3: the high byte is whole degrees. 1900h is 25 °C, E700h is
// -25 °C.
func celsius(register uint16) float64 { return float64(int16(register)) / 256 }

var _ drivers.Sensor = (*Dev)(nil)

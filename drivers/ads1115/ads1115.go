package ads1115

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"periph.io/x/conn/v3/i2c"

	"iot-edge-anomaly/drivers"
	"iot-edge-anomaly/drivers/internal/chip"
)

// Registers, §8.1 table 8-1: 16 bits, most significant byte first.
const (
	regConversion = 0x00 // §8.1.2
	regConfig     = 0x01 // §8.1.3
)

// Configuration register, §8.1.3.
const (
	start  = 1 << 15 // OS: written, start a conversion; read, no conversion runs
	single = 1 << 8  // MODE
	silent = 3       // COMP_QUE: the comparator is off
	reset  = 0x0583  // the register after power-on, without OS
)

// Ground is the negative side of an input that is measured against ground.
const Ground = -1

// Input is one channel. Its value is Offset + Scale * volts.
type Input struct {
	Name     string
	Quantity drivers.Quantity
	// Positive and Negative are pins: 0 to 3 against Ground, or one of the
	// pairs 0-1, 0-3, 1-3 and 2-3.
	Positive, Negative int
	// FullScale is the amplifier's range in V: 6.144, 4.096, 2.048, 1.024,
	// 0.512 or 0.256; 0 = 2.048. Whatever it is, no pin may exceed the supply.
	FullScale     float64
	Scale, Offset float64
}

// Options selects the chip and says what is wired to it.
type Options struct {
	// Address is 0x48 (ADDR to ground; also when 0) to 0x4B.
	Address uint16
	// Rate is the data rate in samples per second: 8, 16, 32, 64, 128, 250, 475 or
	// 860; 0 = 128. A lower rate has less noise. An input takes up to 1.1/Rate
	// seconds.
	Rate   int
	Inputs []Input // at least one
}

// Dev is an ADS1115 on a bus. It is not safe for concurrent use. Use New.
type Dev struct {
	chip     chip.Chip
	channels []drivers.Channel
	inputs   []input
	takes    time.Duration // longest time of one conversion
	idle     bool          // no conversion runs
}

// input is an Input in terms of the chip.
type input struct {
	Input
	config uint16  // configuration register, without start
	lsb    float64 // V per bit
}

// New returns the chip at o.Address of bus. It makes no transfer: the chip may
// be absent and come later. An error means that o is invalid.
func New(bus i2c.Bus, o Options) (*Dev, error) {
	c, err := chip.New(bus, "ads1115", o.Address, 0x48, 0x4B)
	if err != nil {
		return nil, err
	}
	if len(o.Inputs) == 0 {
		return nil, errors.New("ads1115: no inputs")
	}
	if o.Rate == 0 {
		o.Rate = 128
	}
	dr, ok := rates[o.Rate]
	if !ok {
		return nil, fmt.Errorf("ads1115: rate %d, want 8, 16, 32, 64, 128, 250, 475 or 860", o.Rate)
	}
	d := &Dev{chip: c, takes: time.Second * 11 / 10 / time.Duration(o.Rate)}
	for _, in := range o.Inputs {
		if in.FullScale == 0 {
			in.FullScale = 2.048
		}
		mux, okMux := muxes[[2]int{in.Positive, in.Negative}]
		pga, okPGA := gains[in.FullScale]
		switch {
		case !okMux:
			return nil, fmt.Errorf("ads1115: input %s: pins %d and %d, want 0 to 3 against ground, 0-1, 0-3, 1-3 or 2-3", in.Name, in.Positive, in.Negative)
		case !okPGA:
			return nil, fmt.Errorf("ads1115: input %s: full scale %v V, want 6.144, 4.096, 2.048, 1.024, 0.512 or 0.256", in.Name, in.FullScale)
		}
		d.inputs = append(d.inputs, input{in, mux<<12 | pga<<9 | single | dr<<5 | silent, in.FullScale / 32768})
		d.channels = append(d.channels, drivers.Channel{Name: in.Name, Quantity: in.Quantity})
	}
	return d, nil
}

// §8.1.3, fields DR, MUX and PGA.
var (
	rates = map[int]uint16{8: 0, 16: 1, 32: 2, 64: 3, 128: 4, 250: 5, 475: 6, 860: 7}
	muxes = map[[2]int]uint16{{0, 1}: 0, {0, 3}: 1, {1, 3}: 2, {2, 3}: 3,
		{0, Ground}: 4, {1, Ground}: 5, {2, Ground}: 6, {3, Ground}: 7}
	gains = map[float64]uint16{6.144: 0, 4.096: 1, 2.048: 2, 1.024: 3, 0.512: 4, 0.256: 5}
)

// Channels implements drivers.Sensor; the caller must not change the result.
func (d *Dev) Channels() []drivers.Channel { return d.channels }

// String returns the chip's name as used in its errors.
func (d *Dev) String() string { return d.chip.String() }

// Close does nothing: the chip sleeps between reads, and the bus belongs to whoever
// opened it.
func (d *Dev) Close() error { return nil }

// Read converts each input once, one after the other, into dst (one cell per
// input).
func (d *Dev) Read(ctx context.Context, dst []float64) error {
	return d.chip.Read(ctx, dst, len(d.channels), d.measure)
}

func (d *Dev) measure(ctx context.Context, dst []float64) error {
	if !d.idle {
		if err := d.stop(ctx); err != nil {
			return err
		}
	}
	d.idle = false // until every conversion is collected
	var clipped error
	for i := range d.inputs {
		raw, err := d.convert(ctx, &d.inputs[i])
		if err == nil && raw == 0 && d.inputs[i].config == reset {
			raw, err = d.convert(ctx, &d.inputs[i]) // a chip that was reset holds 0 too
		}
		if err != nil {
			return errors.Join(clipped, err)
		}
		if raw == math.MaxInt16 || raw == math.MinInt16 {
			clipped = errors.Join(clipped, fmt.Errorf("input %s is at the end of its range, ±%g V", d.inputs[i].Name, d.inputs[i].FullScale))
			continue
		}
		dst[i] = d.inputs[i].value(raw)
	}
	d.idle = true
	return clipped
}

// value converts by §7.5.4: one bit is full scale / 32768.
func (in *input) value(raw int16) float64 {
	volts := float64(raw) * in.lsb
	return in.Offset + float64(in.Scale*volts)
}

// stop ends a continuous mode and waits for a running conversion to end, which
// takes at most 1/8 s plus 10 % whatever its rate is.
func (d *Dev) stop(ctx context.Context) error {
	conf := d.inputs[0].config
	if err := d.chip.Write("stop", regConfig, byte(conf>>8), byte(conf)); err != nil {
		return err
	}
	err := d.chip.Poll(ctx, 0, 23*time.Millisecond, 8, func() (bool, error) {
		v, err := d.chip.Word("configuration", regConfig)
		return v&start != 0, err
	})
	if err == chip.ErrNotReady {
		return errors.New("a conversion that was running does not end")
	}
	return err
}

// convert makes one conversion of an input.
func (d *Dev) convert(ctx context.Context, in *input) (int16, error) {
	if err := d.chip.Write("start of a conversion", regConfig, byte((in.config|start)>>8), byte(in.config)); err != nil {
		return 0, err
	}
	err := d.chip.Poll(ctx, d.takes, d.takes/4, 4, func() (bool, error) {
		v, err := d.chip.Word("configuration", regConfig)
		if err == nil && v&^start != in.config {
			err = fmt.Errorf("configuration is 0x%04x, want 0x%04x: the chip was reset or set by another program", v, in.config|start)
		}
		return v&start != 0, err
	})
	if err == chip.ErrNotReady {
		return 0, fmt.Errorf("input %s: no conversion within %v", in.Name, d.takes*7/4)
	} else if err != nil {
		return 0, err
	}
	v, err := d.chip.Word("conversion", regConversion)
	return int16(v), err
}

var _ drivers.Sensor = (*Dev)(nil)

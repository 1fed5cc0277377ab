package sht

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"periph.io/x/conn/v3/i2c"

	"iot-edge-anomaly/drivers"
	"iot-edge-anomaly/drivers/internal/chip"
	"iot-edge-anomaly/drivers/internal/crc8"
)

// model holds what differs between the two families.
type model struct {
	name    string
	lo, hi  uint16        // range of addresses
	stop    [][]byte      // commands that stop whatever is running
	settle  time.Duration // pause after each of them
	measure []byte        // command for one measurement: high repeatability, no clock stretching
	takes   time.Duration // longest time of a measurement
	// humidity in % is base + span * raw / 65535.
	base, span float64
}

var sht3x = model{
	name: "sht3x", lo: 0x44, hi: 0x45,
	stop:    [][]byte{{0x30, 0x93}, {0x30, 0xA2}}, // §4.8 break, §4.9 soft reset
	settle:  1500 * time.Microsecond,              // §2.2 table 4: soft reset at most 1.5 ms
	measure: []byte{0x24, 0x00},                   // §4.3 table 9
	takes:   15500 * time.Microsecond,             // §2.2 table 4, below 2.4 V
	span:    100,                                  // §4.13
}

var sht4x = model{
	name: "sht4x", lo: 0x44, hi: 0x46,
	stop:    [][]byte{{0x94}},        // commands: soft reset
	settle:  time.Millisecond,        // timings: soft reset at most 1 ms
	measure: []byte{0xFD},            // commands: high precision
	takes:   8300 * time.Microsecond, // timings: high repeatability, at most
	base:    -6, span: 125,           // conversion
}

const (
	again = 3 * time.Millisecond // between attempts to read the result
	tries = 5
)

// Options selects the chip. The zero value is a chip at 0x44.
type Options struct {
	// Address is 0x44 (also when 0) or 0x45, for an SHT4x also 0x46.
	Address uint16
}

// Dev is a sensor on a bus. It is not safe for concurrent use. Use NewSHT3x or
// NewSHT4x.
type Dev struct {
	chip  chip.Chip
	model *model
	idle  bool // the chip is doing nothing
}

var channels = []drivers.Channel{
	{Name: "temperature", Quantity: drivers.Temperature},
	{Name: "humidity", Quantity: drivers.Humidity},
}

// NewSHT3x returns the SHT3x at o.Address of bus. It makes no transfer: the
// chip may be absent and come later. An error means that o is invalid.
func NewSHT3x(bus i2c.Bus, o Options) (*Dev, error) { return open(bus, o, &sht3x) }

// NewSHT4x is NewSHT3x for an SHT4x.
func NewSHT4x(bus i2c.Bus, o Options) (*Dev, error) { return open(bus, o, &sht4x) }

func open(bus i2c.Bus, o Options, m *model) (*Dev, error) {
	c, err := chip.New(bus, m.name, o.Address, m.lo, m.hi)
	if err != nil {
		return nil, err
	}
	return &Dev{chip: c, model: m}, nil
}

// Channels returns temperature in °C and humidity in %.
func Channels() []drivers.Channel { return slices.Clone(channels) }

// Channels implements drivers.Sensor; the caller must not change the result.
func (d *Dev) Channels() []drivers.Channel { return channels }

// String returns the chip's name as used in its errors.
func (d *Dev) String() string { return d.chip.String() }

// Close does nothing: the chip sleeps between reads, and the bus belongs to whoever
// opened it.
func (d *Dev) Close() error { return nil }

// Read makes one measurement and stores it in dst (2 cells).
func (d *Dev) Read(ctx context.Context, dst []float64) error {
	return d.chip.Read(ctx, dst, len(channels), d.measure)
}

func (d *Dev) measure(ctx context.Context, dst []float64) error {
	if !d.idle {
		for _, command := range d.model.stop {
			if err := d.chip.Write("stop", command...); err != nil {
				return err
			}
			if err := d.chip.Wait(ctx, d.model.settle); err != nil {
				return err
			}
		}
	}
	d.idle = false // until the result has been read
	if err := d.chip.Write("measurement command", d.model.measure...); err != nil {
		return err
	}
	b, err := d.collect(ctx)
	if err != nil {
		return err
	}
	d.idle = true
	t, errT := word("temperature", b[:3])
	h, errH := word("humidity", b[3:])
	if errT == nil {
		dst[0] = celsius(t)
	}
	if errH == nil {
		dst[1] = d.model.percent(h)
	}
	return errors.Join(errT, errH)
}

// collect waits for the measurement and returns its six bytes.
func (d *Dev) collect(ctx context.Context) (b []byte, err error) {
	late := d.chip.Poll(ctx, d.model.takes, again, tries, func() (bool, error) {
		b, err = d.chip.Receive("measurement", 6)
		return err == nil, nil
	})
	if late == chip.ErrNotReady {
		return nil, err
	}
	return b, late
}

// word checks the checksum of one value and returns it.
func word(what string, b []byte) (uint16, error) {
	if want := crc8.Sensirion(b[0], b[1]); b[2] != want {
		return 0, fmt.Errorf("%s % x: checksum 0x%02x, want 0x%02x", what, b[:2], b[2], want)
	}
	return uint16(b[0])<<8 | uint16(b[1]), nil
}

// celsius is the conversion of SHT3x §4.13 and of the SHT4x: 6666h is 25 °C.
func celsius(raw uint16) float64 { return -45 + float64(175*float64(raw))/65535 }

// percent is limited to 0 to 100, as the SHT4x's datasheet advises: its formula
// yields -6 to 119 %.
func (m *model) percent(raw uint16) float64 {
	return min(max(m.base+float64(m.span*float64(raw))/65535, 0), 100)
}

// Identify returns the name of the driver for the chip at addr, "sht3x" or
// "sht4x", from a register with a checksum; "" if it is neither or does not answer.
// It starts no measurement and changes no setting.
func Identify(bus i2c.Bus, addr uint16) string {
	c, err := chip.New(bus, "sht", addr, sht4x.lo, sht4x.hi)
	if err != nil {
		return ""
	}
	if b, err := c.Registers("status", 3, 0xF3, 0x2D); err == nil { // SHT3x §4.11
		if _, err := word("status", b); err == nil && addr <= sht3x.hi {
			return "sht3x"
		}
	}
	if c.Write("serial number", 0x89) != nil { // SHT4x commands
		return ""
	}
	if c.Wait(context.Background(), time.Millisecond) != nil {
		return ""
	}
	b, err := c.Receive("serial number", 6)
	if err != nil {
		return ""
	}
	_, errHigh := word("serial number", b[:3])
	_, errLow := word("serial number", b[3:])
	if errors.Join(errHigh, errLow) != nil {
		return ""
	}
	return "sht4x"
}

var _ drivers.Sensor = (*Dev)(nil)

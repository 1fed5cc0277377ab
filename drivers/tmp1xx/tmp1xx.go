package tmp1xx

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"periph.io/x/conn/v3/i2c"

	"iot-edge-anomaly/drivers"
	"iot-edge-anomaly/drivers/internal/chip"
)

// Registers, §7.5.1; TMP117 §7.6 table 7-3.
const (
	regTemp   = 0x00
	regConfig = 0x01
	regID     = 0x0F // TMP117 only
)

// Configuration register of the TMP102 and TMP112, §7.5.3.
const (
	shutdown  = 1 << 8 // SD
	converter = 3 << 13
	reserved  = 0xF    // always 0
	extended  = 1 << 4 // EM: 13 bits
)

// inExtended is the bit of the TMP102's and TMP112's temperature register that
// marks a temperature of 13 bits, §7.5.2.
const inExtended = 1 << 0

// idTMP117 is the device id, TMP117 §7.6; the four bits above it are the revision.
const idTMP117 = 0x117

// Options selects the chip. The zero value is a chip at 0x48.
type Options struct {
	// Address is 0x48 (also when 0) to 0x4B.
	Address uint16
}

// Dev is a sensor on a bus. It is not safe for concurrent use. Use NewTMP102,
// NewTMP112 or NewTMP117.
type Dev struct {
	chip    chip.Chip
	celsius func(*Dev, context.Context) (float64, error)
}

var channels = []drivers.Channel{{Name: "temperature", Quantity: drivers.Temperature}}

// NewTMP102 returns the TMP102 at o.Address of bus. It makes no transfer: the
// chip may be absent and come later. An error means that o is invalid.
func NewTMP102(bus i2c.Bus, o Options) (*Dev, error) { return open(bus, o, "tmp102", (*Dev).tmp102) }

// NewTMP112 is NewTMP102 for a TMP112, whose registers are the same.
func NewTMP112(bus i2c.Bus, o Options) (*Dev, error) { return open(bus, o, "tmp112", (*Dev).tmp102) }

// NewTMP117 is NewTMP102 for a TMP117.
func NewTMP117(bus i2c.Bus, o Options) (*Dev, error) { return open(bus, o, "tmp117", (*Dev).tmp117) }

func open(bus i2c.Bus, o Options, name string, celsius func(*Dev, context.Context) (float64, error)) (*Dev, error) {
	c, err := chip.New(bus, name, o.Address, 0x48, 0x4B)
	if err != nil {
		return nil, err
	}
	return &Dev{chip: c, celsius: celsius}, nil
}

// Channels returns temperature in °C.
func Channels() []drivers.Channel { return slices.Clone(channels) }

// Channels implements drivers.Sensor; the caller must not change the result.
func (d *Dev) Channels() []drivers.Channel { return channels }

// String returns the chip's name as used in its errors.
func (d *Dev) String() string { return d.chip.String() }

// Close does nothing: the bus belongs to whoever opened it.
func (d *Dev) Close() error { return nil }

// Read stores the chip's newest conversion in dst (1 cell).
func (d *Dev) Read(ctx context.Context, dst []float64) error {
	return d.chip.Read(ctx, dst, len(channels), d.measure)
}

func (d *Dev) measure(ctx context.Context, dst []float64) error {
	v, err := d.celsius(d, ctx)
	if err == nil {
		dst[0] = v
	}
	return err
}

// firstConversion is the longest time that a TMP102 or TMP112 takes for its first
// conversion, §6.5. Until then it holds 0 °C.
const firstConversion = 35 * time.Millisecond

func (d *Dev) tmp102(ctx context.Context) (float64, error) {
	conf, err := d.chip.Word("configuration", regConfig)
	if err != nil {
		return 0, err
	}
	switch {
	case conf&converter != converter || conf&reserved != 0:
		return 0, fmt.Errorf("configuration 0x%04x does not fit this chip: is another chip at this address?", conf)
	case conf&shutdown != 0:
		return 0, errors.New("the chip is in shutdown; power-cycle it")
	}
	v, err := d.chip.Word("temperature", regTemp)
	if err == nil && v == 0 {
		if err = d.chip.Wait(ctx, firstConversion); err == nil {
			v, err = d.chip.Word("temperature", regTemp)
		}
	}
	if err != nil {
		return 0, err
	}
	if v&inExtended != 0 != (conf&extended != 0) {
		return 0, fmt.Errorf("temperature 0x%04x is not in the format of configuration 0x%04x: the chip was configured or reset meanwhile", v, conf)
	}
	return tmp102Celsius(v, v&inExtended != 0), nil
}

// tmp102Celsius is §7.3.1: 1/16 °C a bit, 12 bits or, extended, 13. 1900h is
// 25 °C, E700h -25 °C.
func tmp102Celsius(register uint16, extended bool) float64 {
	if extended {
		return float64(int16(register)>>3) / 16
	}
	return float64(int16(register)>>4) / 16
}

// notConverted is the TMP117's temperature register before the first conversion,
// TMP117 §7.3.1: -256 °C, which it cannot measure.
const notConverted = 0x8000

func (d *Dev) tmp117(context.Context) (float64, error) {
	id, err := d.chip.Word("device id", regID)
	if err != nil {
		return 0, err
	}
	if id&0xFFF != idTMP117 {
		return 0, fmt.Errorf("device id 0x%04x, want 0x%04x", id, idTMP117)
	}
	conf, err := d.chip.Word("configuration", regConfig)
	if err != nil {
		return 0, err
	}
	if conf&(1<<10) != 0 { // TMP117 §7.6, MOD: 01 shutdown, 11 one-shot
		return 0, errors.New("the chip is in shutdown; power-cycle it")
	}
	v, err := d.chip.Word("temperature", regTemp)
	if err != nil {
		return 0, err
	}
	if v == notConverted {
		return 0, errors.New("no conversion since power-on yet")
	}
	return float64(int16(v)) / 128, nil // TMP117 §7.3.3: 7.8125 m°C a bit
}

// Identify returns the name of the driver for the chip at addr: "tmp117" from its
// id register; "" if it is another chip or does not answer. TMP102 and TMP112 have
// no id.
func Identify(bus i2c.Bus, addr uint16) string {
	c, err := chip.New(bus, "tmp117", addr, 0x48, 0x4B)
	if err != nil {
		return ""
	}
	if id, err := c.Word("device id", regID); err != nil || id&0xFFF != idTMP117 {
		return ""
	}
	return "tmp117"
}

var _ drivers.Sensor = (*Dev)(nil)

package bme280

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

// Registers, §5.3 table 18.
const (
	regCalib00  = 0x88 // §4.2.2 table 16: T1 to H1, 26 bytes
	regID       = 0xD0 // §5.4.1
	regCalib26  = 0xE1 // §4.2.2 table 16: H2 to H6, 7 bytes
	regCtrlHum  = 0xF2 // §5.4.3
	regStatus   = 0xF3 // §5.4.4
	regCtrlMeas = 0xF4 // §5.4.5
	regConfig   = 0xF5 // §5.4.6
	regData     = 0xF7 // §5.4.7 to §5.4.9: press, temp, hum in one burst (§4.1)
)

const (
	idBME280 = 0x60 // §5.4.1
	idBMP280 = 0x58 // BMP280 §4.3.1

	statusImUpdate  = 1 << 0 // §5.4.4: the trimming is being copied
	statusMeasuring = 1 << 3 // §5.4.4

	modeForced = 1 // §3.3 table 24

	startUp = 2 * time.Millisecond // §1.2 table 2: start-up time
)

// Options selects the chip and how it measures. The zero value is a chip at 0x76
// that averages 4 samples per value.
type Options struct {
	// Address is 0x76 (SDO to ground; also when 0) or 0x77 (SDO to VDDIO).
	Address uint16
	// Oversampling is the number of samples that the chip averages for each
	// value: 1, 2, 4, 8 or 16; 0 = 4. A read takes at most 9.3, 16.2, 30, 57.6
	// or 112.8 ms.
	Oversampling int
}

// Dev is a BME280 or BMP280 on a bus. It is not safe for concurrent use. Use
// New or NewBMP280.
type Dev struct {
	chip     chip.Chip
	id       byte
	channels []drivers.Channel
	osrs     byte          // §5.4.3 table 20: 1..5
	takes    time.Duration // maximum of one measurement

	open bool // trim was read from this chip and the chip is set up
	trim trimming
}

var channels = []drivers.Channel{
	{Name: "temperature", Quantity: drivers.Temperature},
	{Name: "pressure", Quantity: drivers.Pressure},
	{Name: "humidity", Quantity: drivers.Humidity},
}

// New returns the BME280 at o.Address of bus. It makes no transfer: the chip may
// be absent and come later. An error means that o is invalid.
func New(bus i2c.Bus, o Options) (*Dev, error) { return open(bus, o, "bme280", idBME280, channels) }

// NewBMP280 is New for a BMP280, which has no humidity.
func NewBMP280(bus i2c.Bus, o Options) (*Dev, error) {
	return open(bus, o, "bmp280", idBMP280, channels[:2])
}

func open(bus i2c.Bus, o Options, name string, id byte, cs []drivers.Channel) (*Dev, error) {
	c, err := chip.New(bus, name, o.Address, 0x76, 0x77)
	if err != nil {
		return nil, err
	}
	if o.Oversampling == 0 {
		o.Oversampling = 4
	}
	d := &Dev{chip: c, id: id, channels: cs, takes: measurementTime(o.Oversampling, len(cs))}
	switch o.Oversampling {
	case 1, 2, 4, 8, 16:
		for n := o.Oversampling; n > 0; n /= 2 {
			d.osrs++
		}
	default:
		return nil, fmt.Errorf("%s: oversampling %d, want 1, 2, 4, 8 or 16", name, o.Oversampling)
	}
	return d, nil
}

// measurementTime is the maximum time of §9.1 for n samples of each value: 1.25 ms
// + 2.3 ms*n for the temperature, 2.3 ms*n + 0.575 ms for each other value; 30 ms
// for n = 4 and three values. The BMP280's table 13 is the same without humidity.
func measurementTime(n, values int) time.Duration {
	return time.Duration(1250+2300*n*values+575*(values-1)) * time.Microsecond
}

// Channels returns temperature in °C, pressure in Pa, humidity in %.
func Channels() []drivers.Channel { return slices.Clone(channels) }

// ChannelsBMP280 returns temperature in °C and pressure in Pa.
func ChannelsBMP280() []drivers.Channel { return slices.Clone(channels[:2]) }

// Channels implements drivers.Sensor; the caller must not change the result.
func (d *Dev) Channels() []drivers.Channel { return d.channels }

// String returns the chip's name as used in its errors.
func (d *Dev) String() string { return d.chip.String() }

// Close does nothing: the chip sleeps between reads, and the bus belongs to whoever
// opened it.
func (d *Dev) Close() error { return nil }

// Read makes one measurement and stores it in dst (one cell per channel). It fills
// either all of dst or, with an error, nothing: the values depend on each other.
func (d *Dev) Read(ctx context.Context, dst []float64) error {
	err := d.chip.Read(ctx, dst, len(d.channels), d.measure)
	if err != nil {
		if ctx.Err() == nil || !errors.Is(err, ctx.Err()) {
			d.open = false // except after a cancelled wait, which says nothing about the chip
		}
		drivers.Missing(dst)
	}
	return err
}

func (d *Dev) measure(ctx context.Context, dst []float64) error {
	if !d.open {
		if err := d.setUp(ctx); err != nil {
			return err
		}
		d.open = true
	}
	ctrl := d.osrs<<5 | d.osrs<<2 | modeForced
	if err := d.request(ctrl); err != nil {
		return err
	}
	if err := d.await(ctx, d.takes, statusMeasuring, "measuring"); err != nil {
		return err
	}
	n := 8
	if !d.humid() {
		n = 6
	}
	data, err := d.chip.Registers("measurement", n, regData)
	if err != nil {
		return err
	}
	raw, err := parse(data)
	if err != nil {
		return err
	}
	if raw.marked() {
		if err := d.confirm(ctrl); err != nil {
			return err
		}
	}
	return d.trim.compensate(raw, dst)
}

// humid reports whether the chip measures humidity: it is a BME280.
func (d *Dev) humid() bool { return d.id == idBME280 }

// request begins a measurement. §5.4.3: ctrl_hum takes effect with the write of
// ctrl_meas; both go in one transfer (§6.2.1). ctrl_hum is written every time,
// because a short loss of power clears it unnoticed.
func (d *Dev) request(ctrl byte) error {
	if !d.humid() {
		return d.chip.Write("measurement request", regCtrlMeas, ctrl)
	}
	return d.chip.Write("measurement request", regCtrlHum, d.osrs, regCtrlMeas, ctrl)
}

// setUp is the opening sequence.
func (d *Dev) setUp(ctx context.Context) error {
	id, err := d.chip.Registers("chip id", 1, regID)
	if err != nil {
		return err
	}
	if id[0] != d.id {
		return fmt.Errorf("chip id 0x%02x, want 0x%02x%s", id[0], d.id, other(id[0]))
	}
	if err := d.await(ctx, 0, statusImUpdate, "copying its trimming"); err != nil {
		return err
	}
	if d.trim, err = d.trimming(); err != nil {
		return err
	}
	if again, err := d.trimming(); err != nil {
		return err
	} else if again != d.trim {
		return errors.New("two readings of the trimming differ: transfers are disturbed, check the wiring")
	}
	if err := d.trim.check(); err != nil {
		return err
	}
	// §5.4.6: config may be ignored in normal mode, so sleep comes first.
	return d.chip.Write("sleep mode", regCtrlMeas, 0, regConfig, 0)
}

// trimming reads the coefficients.
func (d *Dev) trimming() (k trimming, err error) {
	tp, err := d.chip.Registers("trimming of temperature and pressure", 26, regCalib00)
	if err != nil {
		return k, err
	}
	k.parseTP(tp)
	if d.humid() {
		h, err := d.chip.Registers("trimming of humidity", 7, regCalib26)
		if err != nil {
			return k, err
		}
		k.parseH(h)
	}
	return k, nil
}

// other names the chip that answers instead, if it is known. Many modules sold as
// BME280 carry a BMP280.
func other(id byte) string {
	switch id {
	case idBME280:
		return ": this is a BME280"
	case idBMP280:
		return ": this is a BMP280"
	}
	return ""
}

// confirm returns an error if the chip was reset during the measurement. It is
// asked after a value that marks a skipped measurement but can also be a true one:
// only a chip that was reset has lost ctrl_hum and the oversampling in ctrl_meas.
func (d *Dev) confirm(ctrl byte) error {
	r, err := d.chip.Registers("settings", 3, regCtrlHum)
	if err != nil {
		return err
	}
	if d.humid() && r[0]&7 != d.osrs || r[2]&^3 != ctrl&^3 {
		return errors.New("reset during the measurement")
	}
	return nil
}

// await waits and then checks up to five times whether a bit of the status register
// is clear. The pauses between the checks add up to the time of a measurement, or
// to four start-up times if that is longer.
func (d *Dev) await(ctx context.Context, wait time.Duration, bit byte, doing string) error {
	var status byte
	err := d.chip.Poll(ctx, wait, max(d.takes/4, startUp), 5, func() (bool, error) {
		s, err := d.chip.Registers("status", 1, regStatus)
		if err != nil {
			return false, err
		}
		status = s[0]
		return status&bit == 0, nil
	})
	if err == chip.ErrNotReady {
		return fmt.Errorf("chip is still %s (status 0x%02x)", doing, status)
	}
	return err
}

// Identify returns the name of the driver for the chip at addr, "bme280" or
// "bmp280", from its id register; "" if it is neither or does not answer.
func Identify(bus i2c.Bus, addr uint16) string {
	c, err := chip.New(bus, "bme280", addr, 0x76, 0x77)
	if err != nil {
		return ""
	}
	switch id, err := c.Registers("chip id", 1, regID); {
	case err != nil:
	case id[0] == idBME280:
		return "bme280"
	case id[0] == idBMP280:
		return "bmp280"
	}
	return ""
}

var _ drivers.Sensor = (*Dev)(nil)

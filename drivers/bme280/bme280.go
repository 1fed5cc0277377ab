package bme280

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
	chipID = 0x60 // §5.4.1

	statusImUpdate  = 1 << 0 // §5.4.4: trimming is being copied
	statusMeasuring = 1 << 3 // §5.4.4

	modeForced = 1 // §3.3 table 24

	startUp = 2 * time.Millisecond // §1.2 table 2: start-up time
)

// Options says which chip and how it measures. The zero value is a chip at
// 0x76 with 4 samples a value.
type Options struct {
	// Address is 0x76 (SDO to ground; also when 0) or 0x77 (SDO to VDDIO).
	Address uint16
	// Oversampling is the number of samples that the chip averages for each
	// value: 1, 2, 4, 8 or 16; 0 = 4. A read takes at most 9.3, 16.2, 30, 57.6
	// or 112.8 ms.
	Oversampling int
}

// Dev is a BME280 on a bus. It is not safe for concurrent use. Use New.
type Dev struct {
	bus   i2c.Bus
	addr  uint16
	osrs  byte          // §5.4.3 table 20: 1..5
	takes time.Duration // maximum of one measurement

	open  bool // the trimming is this chip's and the chip is set up
	trim  trimming
	timer *time.Timer
	w     [4]byte
	r     [26]byte
}

var channels = []drivers.Channel{
	{Name: "temperature", Quantity: drivers.Temperature},
	{Name: "pressure", Quantity: drivers.Pressure},
	{Name: "humidity", Quantity: drivers.Humidity},
}

// New returns the chip at o.Address of bus. It makes no transaction: the chip
// may be absent and come later. The error is about o.
func New(bus i2c.Bus, o Options) (*Dev, error) {
	if o.Address == 0 {
		o.Address = 0x76
	}
	if o.Address != 0x76 && o.Address != 0x77 {
		return nil, fmt.Errorf("bme280: address 0x%02x, want 0x76 or 0x77", o.Address)
	}
	if o.Oversampling == 0 {
		o.Oversampling = 4
	}
	d := &Dev{bus: bus, addr: o.Address, takes: measurementTime(o.Oversampling)}
	switch o.Oversampling {
	case 1, 2, 4, 8, 16:
		for n := o.Oversampling; n > 0; n /= 2 {
			d.osrs++
		}
	default:
		return nil, fmt.Errorf("bme280: oversampling %d, want 1, 2, 4, 8 or 16", o.Oversampling)
	}
	return d, nil
}

// measurementTime is the maximum time of §9.1 for n samples of each value:
// 1.25 ms + 2.3 ms*n + 2 * (2.3 ms*n + 0.575 ms); 30 ms for n = 4.
func measurementTime(n int) time.Duration {
	return 2400*time.Microsecond + time.Duration(n)*6900*time.Microsecond
}

// Channels returns temperature in °C, pressure in Pa, humidity in %.
func Channels() []drivers.Channel { return slices.Clone(channels) }

// Channels implements drivers.Sensor; the result is not to be changed.
func (d *Dev) Channels() []drivers.Channel { return channels }

// String names the chip as its errors do.
func (d *Dev) String() string { return fmt.Sprintf("bme280 at 0x%02x", d.addr) }

// Close does nothing: the chip sleeps between reads, the bus belongs to its
// opener.
func (d *Dev) Close() error { return nil }

// Read takes one measurement into dst (3). It either fills all of dst or, with
// an error, none: the three values depend on each other.
func (d *Dev) Read(ctx context.Context, dst []float64) error {
	for i := range dst {
		dst[i] = math.NaN()
	}
	if len(dst) != len(channels) {
		return fmt.Errorf("%v: %d cells for %d channels", d, len(dst), len(channels))
	}
	if err := d.measure(ctx, dst); err != nil {
		if ctx.Err() == nil || !errors.Is(err, ctx.Err()) {
			d.open = false // a cancelled wait says nothing about the chip, all else does
		}
		for i := range dst {
			dst[i] = math.NaN()
		}
		return fmt.Errorf("%v: %w", d, err)
	}
	return nil
}

func (d *Dev) measure(ctx context.Context, dst []float64) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !d.open {
		if err := d.setUp(ctx); err != nil {
			return err
		}
		d.open = true
	}
	// §5.4.3: ctrl_hum takes effect with the write of ctrl_meas. It is repeated
	// each time since a short loss of power clears it unnoticed.
	ctrl := d.osrs<<5 | d.osrs<<2 | modeForced
	if err := d.write("measurement request", regCtrlHum, d.osrs, regCtrlMeas, ctrl); err != nil {
		return err
	}
	if err := d.await(ctx, d.takes, statusMeasuring, "measuring"); err != nil {
		return err
	}
	data, err := d.read("measurement", regData, 8)
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

// setUp is the opening sequence.
func (d *Dev) setUp(ctx context.Context) error {
	id, err := d.read("chip id", regID, 1)
	if err != nil {
		return err
	}
	if id[0] != chipID {
		return fmt.Errorf("chip id 0x%02x, want 0x%02x", id[0], chipID)
	}
	if err := d.await(ctx, 0, statusImUpdate, "copying its trimming"); err != nil {
		return err
	}
	tp, err := d.read("trimming of temperature and pressure", regCalib00, 26)
	if err != nil {
		return err
	}
	d.trim.parseTP(tp)
	h, err := d.read("trimming of humidity", regCalib26, 7)
	if err != nil {
		return err
	}
	d.trim.parseH(h)
	if err := d.trim.check(); err != nil {
		return err
	}
	// §5.4.6: config may be ignored in normal mode, so sleep comes first.
	return d.write("sleep mode", regCtrlMeas, 0, regConfig, 0)
}

// confirm tells a measurement that happens to equal the mark of a skipped one
// from a chip that has lost its settings: only the latter also lost ctrl_hum
// and the oversampling in ctrl_meas.
func (d *Dev) confirm(ctrl byte) error {
	r, err := d.read("settings", regCtrlHum, 3)
	if err != nil {
		return err
	}
	if r[0]&7 != d.osrs || r[2]&^3 != ctrl&^3 {
		return errors.New("reset during the measurement")
	}
	return nil
}

// await waits and then asks, up to five times, whether a bit of the status
// register has cleared; the four later times take a measurement's time at most.
func (d *Dev) await(ctx context.Context, wait time.Duration, bit byte, doing string) error {
	for left := 4; ; left-- {
		if err := d.sleep(ctx, wait); err != nil {
			return err
		}
		s, err := d.read("status", regStatus, 1)
		if err != nil {
			return err
		}
		if s[0]&bit == 0 {
			return nil
		}
		if left == 0 {
			return fmt.Errorf("still %s (status 0x%02x)", doing, s[0])
		}
		wait = max(d.takes/4, startUp)
	}
}

func (d *Dev) sleep(ctx context.Context, wait time.Duration) error {
	if wait <= 0 {
		return ctx.Err()
	}
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

// read returns n bytes from reg on; they are valid until the next read.
func (d *Dev) read(what string, reg byte, n int) ([]byte, error) {
	d.w[0] = reg
	if err := d.bus.Tx(d.addr, d.w[:1], d.r[:n]); err != nil {
		return nil, fmt.Errorf("reading %s: %w", what, err)
	}
	return d.r[:n], nil
}

// write sets two registers, §6.2.1.
func (d *Dev) write(what string, reg1, v1, reg2, v2 byte) error {
	d.w = [4]byte{reg1, v1, reg2, v2}
	if err := d.bus.Tx(d.addr, d.w[:], nil); err != nil {
		return fmt.Errorf("writing %s: %w", what, err)
	}
	return nil
}

var _ drivers.Sensor = (*Dev)(nil)

package vibration

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"iot-edge-anomaly/drivers"
	"iot-edge-anomaly/drivers/internal/sysfs"
)

// Options selects the accelerometer and says what is computed.
type Options struct {
	Root     string       // directory that holds /sys and /dev; "" = "/"
	Device   string       // name, label, place, iio:deviceN or a path in /sys
	Axes     []string     // some of x, y, z; none = all three
	Rate     float64      // samples per second
	Samples  int          // samples in a block: a power of two, at least 32
	Bands    [][2]float64 // Hz: from the first to below the second
	Channels []string     // channels to deliver; none = all
}

// Dev delivers the features of an accelerometer's newest block. It is not safe
// for concurrent use. Use New.
type Dev struct {
	o        Options
	fs       sysfs.FS
	dial     func(path string) (stream, error)
	channels []drivers.Channel
	pick     [][2]int // axis and feature of each channel

	capture *capture // nil = not open
	on      string   // path of the buffer's switch, if Read switched it on
	block   *block
	math    *analysis
	raw     []byte
	work    []float64   // (samples)
	results [][]float64 // (axes, features)
}

const (
	atOnce    = 512 // scans per read(2)
	pauseFill = 20 * time.Millisecond
)

var acceleration = drivers.Quantity{Name: "acceleration", Unit: "m/s²"}

// overall lists the features of every axis, in the order of their constants.
var overall = [firstBand]drivers.Channel{
	{Name: "rms", Quantity: acceleration}, {Name: "peak", Quantity: acceleration}, {Name: "crest"}, {Name: "kurtosis"}, {Name: "skewness"},
	{Name: "velocity", Quantity: drivers.Quantity{Name: "velocity", Unit: "mm/s"}},
}

// Channels returns all channels that o allows, axis by axis.
func Channels(o Options) ([]drivers.Channel, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	var out []drivers.Channel
	for _, axis := range o.Axes {
		for _, c := range overall {
			out = append(out, drivers.Channel{Name: axis + "_" + c.Name, Quantity: c.Quantity})
		}
		for _, b := range o.Bands {
			out = append(out, drivers.Channel{Name: fmt.Sprintf("%s_band_%g_%g", axis, b[0], b[1]), Quantity: acceleration})
		}
	}
	return out, nil
}

func (o *Options) check() error {
	if len(o.Axes) == 0 {
		o.Axes = []string{"x", "y", "z"}
	}
	for i, a := range o.Axes {
		if a != "x" && a != "y" && a != "z" || slices.Contains(o.Axes[:i], a) {
			return fmt.Errorf("vibration: axes %v, want some of x, y, z, each once", o.Axes)
		}
	}
	if n := o.Samples; n < 32 || n > 1<<17 || n&(n-1) != 0 {
		return fmt.Errorf("vibration: a block of %d samples, want a power of two from 32 to 131072", n)
	}
	if !(o.Rate >= 50 && o.Rate <= 1e6) { // below 50 Hz there is no velocity
		return fmt.Errorf("vibration: a rate of %g Hz, want 50 to 1000000", o.Rate)
	}
	for _, b := range o.Bands {
		if !(b[0] >= 0 && b[0] < b[1] && b[1] <= o.Rate/2) {
			return fmt.Errorf("vibration: a band of %g to %g Hz, want one within 0 to %g Hz, half the rate", b[0], b[1], o.Rate/2)
		}
	}
	return nil
}

// New returns the accelerometer that o.Device names. It may be absent and come
// later. An error means that o is invalid.
func New(o Options) (*Dev, error) {
	all, err := Channels(o)
	if err != nil {
		return nil, err
	}
	_ = o.check() // called again to set the default axes in this copy of o
	if o.Device == "" {
		return nil, errors.New("vibration: want a device")
	}
	d := &Dev{o: o, fs: sysfs.FS{Root: o.Root}, dial: openStream, work: make([]float64, o.Samples)}
	each := len(all) / len(o.Axes)
	for range o.Axes {
		d.results = append(d.results, make([]float64, each))
	}
	if len(o.Channels) == 0 {
		for _, c := range all {
			o.Channels = append(o.Channels, c.Name)
		}
	}
	for _, name := range o.Channels {
		i := slices.IndexFunc(all, func(c drivers.Channel) bool { return c.Name == name })
		if i < 0 || slices.Contains(d.channels, all[i]) {
			return nil, fmt.Errorf("vibration: channel %q is not one of these axes and bands, or is named twice", name)
		}
		d.channels = append(d.channels, all[i])
		d.pick = append(d.pick, [2]int{i / each, i % each})
	}
	return d, nil
}

// Channels implements drivers.Sensor; the caller must not change the result.
func (d *Dev) Channels() []drivers.Channel { return d.channels }

// String returns the device's name as used in errors.
func (d *Dev) String() string { return "vibration " + d.o.Device }

// Close closes the buffer, and switches it off if Read switched it on. A later Read
// opens it again.
func (d *Dev) Close() error {
	var err error
	if d.capture != nil {
		err = d.capture.close()
		d.capture = nil
	}
	if d.on != "" {
		err = errors.Join(err, d.fs.Write(d.on, "0"))
		d.on = ""
	}
	return err
}

// Read drains the kernel's buffer and analyses the newest block. It waits only if
// there is no complete block: the first time, after a gap, and after the buffer was
// full.
func (d *Dev) Read(ctx context.Context, dst []float64) error {
	if err := drivers.Begin(ctx, dst, len(d.channels)); err != nil {
		return fmt.Errorf("%v: %w", d, err)
	}
	if err := d.fill(ctx); err != nil {

		return fmt.Errorf("%v: %w", d, err)
	}
	if err := d.capture.changed(ctx); err != nil {
		d.leave()
		return fmt.Errorf("%v: %w", d, err)
	}
	if err := d.block.gap(d.capture.rate); err != nil {
		return fmt.Errorf("%v: %w: the block is dropped", d, err)
	}
	for i, r := range d.results {
		d.block.copyTo(d.work, i)
		d.math.features(r, d.work)
	}
	flat := ""
	for i, p := range d.pick {
		dst[i] = d.results[p[0]][p[1]]
		if math.IsNaN(dst[i]) && flat == "" {
			flat = d.channels[i].Name
		}
	}
	if flat != "" {
		return fmt.Errorf("%v: %s is not defined: all %d samples are equal", d, flat, d.o.Samples)
	}
	return nil
}

// fill drains the buffer until the block is full and has at least one new sample.
func (d *Dev) fill(ctx context.Context) error {
	if d.capture == nil {
		if err := d.open(ctx); err != nil {
			return err
		}
	}
	block := time.Duration(float64(d.o.Samples) / d.capture.rate * float64(time.Second))
	deadline := time.Now().Add(block + block/4 + 250*time.Millisecond)
	for fresh := 0; ; {
		n, err := d.drain(true)
		if err != nil {
			d.leave()
			return err
		}
		if fresh += n; fresh > 0 && d.block.full() {
			return nil
		}
		if !time.Now().Before(deadline) {
			if fresh == 0 {
				d.leave()
				return errors.New("no samples: does its trigger run?")
			}
			return fmt.Errorf("the block is not full yet: %d of %d samples", d.block.have, d.o.Samples)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pauseFill):
		}
	}
}

// leave closes the buffer, so that the next Read opens the device anew: it may come
// back under another number or with other settings.
func (d *Dev) leave() {
	_ = d.capture.close() // nothing was written
	d.capture = nil
}

// open finds the device, opens its buffer and discards the old samples in it.
func (d *Dev) open(ctx context.Context) error {
	dev, err := d.fs.Find(sysfs.IIO, d.o.Device)
	if err != nil {
		return err
	}
	s := setup{ctx, d.fs, dev.Dir, d.o}
	prepared, err := s.prepare()
	if err != nil {
		return err
	}
	if prepared {
		d.on = s.enable()
	}
	c, err := s.describe()
	if err != nil {
		return err
	}
	if c.stream, err = d.dial(d.fs.Path("/dev", dev.ID)); err != nil {
		_ = c.close() // nothing was written
		if errors.Is(err, unix.EBUSY) {
			err = fmt.Errorf("another program reads the buffer: %w", err)
		}
		return err
	}
	d.capture = c
	d.raw = make([]byte, atOnce*c.size)
	d.block = newBlock(len(c.axes), d.o.Samples, c.stamp != nil)
	d.math = newAnalysis(d.o.Samples, c.rate, d.o.Bands)
	if _, err := d.drain(false); err != nil {
		return errors.Join(err, d.Close())
	}
	return nil
}

// drain reads what the kernel has and returns how many samples it kept. It keeps
// nothing of a buffer that was full: later samples were lost, and those in it may be
// old.
func (d *Dev) drain(keep bool) (int, error) {
	c := d.capture
	total := 0
	for total < 2*c.length { // a bound, in case samples come faster than they are read
		n, err := c.stream.Read(d.raw)
		if err == unix.EAGAIN {
			break
		}
		if err := c.judge(n, err); err != nil {
			return 0, err
		}
		for at := 0; keep && at < n; at += c.size {
			d.block.add(c, d.raw[at:at+c.size])
		}
		total += n / c.size
		if n < len(d.raw) {
			break
		}
	}
	if total >= c.length {
		d.block.have = 0
		return 0, nil
	}
	return total, nil
}

var _ drivers.Sensor = (*Dev)(nil)

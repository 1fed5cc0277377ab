package vibration

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"iot-edge-anomaly/drivers/internal/sysfs"
)

// stream is /dev/iio:deviceN. It delivers whole scans, or EAGAIN if there is none.
type stream interface {
	Read(p []byte) (int, error)
	Close() error
}

func openStream(path string) (stream, error) {
	n, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return node(n), nil
}

type node int

func (n node) Read(p []byte) (int, error) {
	for {
		got, err := unix.Read(int(n), p)
		if err != unix.EINTR {
			return max(got, 0), err
		}
	}
}

func (n node) Close() error { return unix.Close(int(n)) }

// axis is one direction: where it is in a scan and how its number is converted.
type axis struct {
	element
	offset, scale float64
	rescale       *sysfs.Attr // attribute with the scale; nil = it is 1
}

// capture is an open buffer that the kernel fills.
type capture struct {
	stream stream
	axes   []axis
	stamp  *element    // nil = no timestamps
	size   int         // bytes of a scan
	length int         // scans that the kernel's buffer can hold
	rate   float64     // samples per second
	rerate *sysfs.Attr // attribute with the rate; nil = there is none
}

// judge is the error of a read that returned n and err, nil if it is good.
func (c *capture) judge(n int, err error) error {
	switch {
	case err != nil:
		return fmt.Errorf("reading its buffer: %w", err)
	case n == 0:
		return errors.New("its buffer has ended: the device is gone or was switched off")
	case n%c.size != 0:
		return fmt.Errorf("reading its buffer: %d bytes, want a multiple of the %d of a scan", n, c.size)
	}
	return nil
}

// changed returns an error if another program changed the range or the rate since
// the buffer was opened: the block may mix samples from before and after.
func (c *capture) changed(ctx context.Context) error {
	if err := same(ctx, c.rerate, "rate", "sampling", c.rate); err != nil {
		return err
	}
	for i := range c.axes {
		if err := same(ctx, c.axes[i].rescale, "scale", c.axes[i].name, c.axes[i].scale); err != nil {
			return err
		}
	}
	return nil
}

// same returns an error if an attribute changed; a nil attribute did not.
func same(ctx context.Context, a *sysfs.Attr, what, of string, was float64) error {
	if a == nil {
		return nil
	}
	is, err := a.Number(ctx)
	if err == nil && is != was {
		err = fmt.Errorf("%s of %s was %g and is %g now: the block is dropped", what, of, was, is)
	}
	return err
}

// close closes the buffer and its attributes.
func (c *capture) close() error {
	c.rerate.Close()
	for i := range c.axes {
		c.axes[i].rescale.Close()
	}
	if c.stream == nil {
		return nil
	}
	return c.stream.Close()
}

// setup is one attempt to open a device's buffer.
type setup struct {
	ctx context.Context
	fs  sysfs.FS
	dir string
	o   Options
}

func (s setup) path(elem ...string) string {
	return filepath.Join(append([]string{s.dir}, elem...)...)
}

// enable is the path of the buffer's switch.
func (s setup) enable() string { return s.path("buffer/enable") }

// prepare switches the buffer on if it is off, and reports whether it did.
func (s setup) prepare() (ours bool, err error) {
	on, err := s.fs.Number(s.ctx, s.enable())
	if errors.Is(err, os.ErrNotExist) {
		return false, fmt.Errorf("its driver has no buffer: %w", err)
	}
	if err != nil || on != 0 {
		return false, err
	}
	err = s.configure()
	if errors.Is(err, unix.EROFS) || errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) {
		return false, fmt.Errorf("its buffer is off and this program may not switch it on, let udev do it (docs/sensors.md): %w", err)
	}
	if err != nil {
		return false, fmt.Errorf("switching on its buffer: %w", err)
	}
	return true, nil
}

// configure sets up the kernel's driver as configured.
func (s setup) configure() error {
	if p := s.ratePath(); p != "" {
		if is, err := s.fs.Number(s.ctx, p); err != nil || !near(is, s.o.Rate) {
			if err := s.fs.Write(p, strconv.FormatFloat(s.o.Rate, 'f', -1, 64)); err != nil {
				return fmt.Errorf("a rate of %g Hz (it offers %s): %w", s.o.Rate, s.offers(p), err)
			}
		}
	}
	for _, a := range s.o.Axes {
		if err := s.fs.Write(s.path("scan_elements/in_accel_"+a+"_en"), "1"); err != nil {
			return err
		}
	}
	// A driver may lack timestamps and the watermark, or not allow to set them.
	_ = s.fs.Write(s.path("scan_elements/in_timestamp_en"), "1")
	_ = s.fs.Write(s.path("current_timestamp_clock"), "monotonic")
	length := max(2*s.o.Samples, min(int(4*s.o.Rate), 1<<16))
	if err := s.fs.Write(s.path("buffer/length"), strconv.Itoa(length)); err != nil {
		return err
	}
	_ = s.fs.Write(s.path("buffer/watermark"), strconv.Itoa(int(s.o.Rate/8)))
	return s.fs.Write(s.enable(), "1")
}

// near compares rates and allows for a driver's rounding.
func near(is, want float64) bool { return math.Abs(is-want) <= 0.05*want }

// ratePath is the attribute that holds the sample rate: that of the accelerometer,
// of the device, or of the trigger that starts its samples; "" if there is none.
func (s setup) ratePath() string {
	paths := []string{s.path("in_accel_sampling_frequency"), s.path("sampling_frequency"), s.path("buffer/sampling_frequency")}
	if trigger := s.fs.Text(s.path("trigger/current_trigger")); trigger != "" {
		all, _ := filepath.Glob(s.fs.Path(sysfs.IIO.Dir, "trigger*"))
		for _, t := range all {
			if s.fs.Text(filepath.Join(t, "name")) == trigger {
				paths = append(paths, filepath.Join(t, "sampling_frequency"))
			}
		}
	}
	for _, p := range paths {
		if _, err := os.Stat(p); err == nil {
			return p
		}
	}
	return ""
}

func (s setup) offers(rate string) string {
	if list := s.fs.Text(rate + "_available"); list != "" {
		return list
	}
	return "no list"
}

// describe reads the layout and the settings of the buffer, whoever set it up.
func (s setup) describe() (*capture, error) {
	c := &capture{rate: s.o.Rate}
	err := s.elements(c)
	if err == nil {
		err = s.frame(c)
	}
	if err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

// frame reads the rate and the length of the buffer.
func (s setup) frame(c *capture) error {
	if p := s.ratePath(); p != "" {
		var err error
		if c.rerate, err = s.fs.Attr(p); err != nil {
			return err
		}
		is, err := c.rerate.Number(s.ctx)
		if err != nil {
			return err
		}
		if !near(is, s.o.Rate) {
			return fmt.Errorf("it takes %g samples a second, the configuration wants %g (it offers %s)", is, s.o.Rate, s.offers(p))
		}
		c.rate = is
	}
	length, err := s.fs.Number(s.ctx, s.path("buffer/length"))
	if err != nil {
		return err
	}
	c.length = int(length)
	if c.length < s.o.Samples {
		return fmt.Errorf("its buffer holds %d samples, less than a block of %d: set buffer/length", c.length, s.o.Samples)
	}
	return nil
}

// elements reads the enabled scan elements and finds the wanted axes in them.
func (s setup) elements(c *capture) error {
	switches, _ := filepath.Glob(s.path("scan_elements/*_en"))
	var all []element
	for _, p := range switches {
		on, err := s.fs.Number(s.ctx, p)
		if err != nil {
			return err
		}
		if on == 0 {
			continue
		}
		e := element{name: strings.TrimSuffix(filepath.Base(p), "_en")}
		index, err := s.fs.Number(s.ctx, s.path("scan_elements", e.name+"_index"))
		if err != nil {
			return err
		}
		e.index = int(index)
		if e.format, err = parseFormat(s.fs.Text(s.path("scan_elements", e.name+"_type"))); err != nil {
			return fmt.Errorf("scan element %s: %w", e.name, err)
		}
		all = append(all, e)
	}
	var err error
	if c.size, err = layOut(all); err != nil {
		return err
	}
	for _, e := range all {
		if e.name == "in_timestamp" {
			c.stamp = &e
		}
	}
	for _, name := range s.o.Axes {
		a, err := s.axis(all, "in_accel_"+name)
		c.axes = append(c.axes, a)
		if err != nil {
			return err
		}
	}
	return nil
}

func (s setup) axis(all []element, name string) (axis, error) {
	for _, e := range all {
		if e.name != name {
			continue
		}
		a := axis{element: e, scale: 1}
		offset, err := s.nearest(name, "_offset")
		if err == nil && offset != nil {
			a.offset, err = offset.Number(s.ctx)
			offset.Close()
		}
		if err == nil {
			a.rescale, err = s.nearest(name, "_scale")
		}
		if err == nil && a.rescale != nil {
			a.scale, err = a.rescale.Number(s.ctx)
		}
		return a, err
	}
	return axis{}, fmt.Errorf("scan element %s is off while the buffer is on: enable it where the buffer is enabled", name)
}

// nearest opens the attribute of the axis or that of all axes; nil if there is none.
func (s setup) nearest(name, suffix string) (*sysfs.Attr, error) {
	for _, n := range []string{name, "in_accel"} {
		a, err := s.fs.Attr(s.path(n + suffix))
		if err == nil || !errors.Is(err, os.ErrNotExist) {
			return a, err
		}
	}
	return nil, nil
}

package sysfs

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"iot-edge-anomaly/drivers"
)

// Cell is one channel of an open device.
type Cell interface {
	Value(ctx context.Context) (float64, error)
	Close()
}

// Sensor reads one device of a class, with one Cell for each channel. It is a
// drivers.Sensor and not safe for concurrent use.
type Sensor struct {
	fs       FS
	class    Class
	want     string // names the device
	label    string // its name in errors
	channels []drivers.Channel
	open     func(d Device, channel string) (Cell, error)
	device   Device
	cells    []Cell // nil = not open
}

// NewSensor returns a sensor for the device that want names, which may be absent
// and come later. Open makes the cell of a channel. Errors begin with driver.
func NewSensor(fs FS, c Class, driver, want string, channels []drivers.Channel, open func(Device, string) (Cell, error)) *Sensor {
	return &Sensor{fs: fs, class: c, want: want, label: driver + " " + want, channels: channels, open: open,
		cells: make([]Cell, len(channels))}
}

// Channels implements drivers.Sensor; the caller must not change the result.
func (s *Sensor) Channels() []drivers.Channel { return s.channels }

// String returns the device's name as used in errors.
func (s *Sensor) String() string { return s.label }

// Close closes the device's attributes; a later Read looks for the device again.
func (s *Sensor) Close() error {
	for i, c := range s.cells {
		if c != nil {
			c.Close()
			s.cells[i] = nil
		}
	}
	s.device = Device{}
	return nil
}

// Read reads each channel. If one fails, the others are still read; the error is
// that of the first failed channel.
func (s *Sensor) Read(ctx context.Context, dst []float64) error {
	if err := drivers.Begin(ctx, dst, len(s.channels)); err != nil {
		return fmt.Errorf("%v: %w", s, err)
	}
	if s.device.Dir == "" {
		d, err := s.fs.Find(s.class, s.want)
		if err != nil {
			return fmt.Errorf("%v: %w", s, err)
		}
		s.device = d
	}
	var first error
	failed := 0
	for i := range s.cells {
		v, err := s.value(ctx, i)
		if err == nil {
			dst[i] = v
			continue
		}
		if failed++; failed == 1 {
			first = fmt.Errorf("%s: %w", s.channels[i].Name, err)
		}
		if ctx.Err() != nil || errors.Is(err, unix.ENODEV) {
			failed += len(s.cells) - 1 - i
			break // the other channels would fail in the same way
		}
	}
	if first == nil {
		return nil
	}
	_ = s.Close() // so that the next Read looks for it: it may come back under another number
	if failed > 1 {
		return fmt.Errorf("%v: %w (and %d more)", s, first, failed-1)
	}
	return fmt.Errorf("%v: %w", s, first)
}

func (s *Sensor) value(ctx context.Context, i int) (float64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if s.cells[i] == nil {
		c, err := s.open(s.device, s.channels[i].Name)
		if err != nil {
			return 0, err
		}
		s.cells[i] = c
	}
	return s.cells[i].Value(ctx)
}

var _ drivers.Sensor = (*Sensor)(nil)

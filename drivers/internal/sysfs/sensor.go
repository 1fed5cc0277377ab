package sysfs

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"iot-edge-anomaly/drivers"
)

// Cell is one channel of an open device.
type Cell interface {
	Value(ctx context.Context) (float64, error)
	Close()
}

// Sensor reads one device of a class, one Cell a channel. It is a
// drivers.Sensor and not safe for concurrent use.
type Sensor struct {
	fs       FS
	class    Class
	want     string
	label    string
	channels []drivers.Channel
	open     func(d Device, channel string) (Cell, error)
	device   Device
	cells    []Cell // nil = not open
}

// List makes the channels of a device of their names. An error, which kind
// begins, names the one at fault.
func List(kind, device string, names []string, channel func(name string) (drivers.Channel, error)) ([]drivers.Channel, error) {
	if device == "" || len(names) == 0 {
		return nil, errors.New(kind + ": want a device and at least one channel")
	}
	var list []drivers.Channel
	for _, name := range names {
		c, err := channel(name)
		if err != nil {
			return nil, err
		}
		if slices.Contains(list, c) {
			return nil, fmt.Errorf("%s: channel %s is named twice", kind, name)
		}
		list = append(list, c)
	}
	return list, nil
}

// NewSensor returns a sensor for the device that want names, which may be absent
// and come later. open makes the cell of a channel; driver begins the errors.
func NewSensor(fs FS, c Class, driver, want string, channels []drivers.Channel, open func(Device, string) (Cell, error)) *Sensor {
	return &Sensor{fs: fs, class: c, want: want, label: driver + " " + want, channels: channels, open: open,
		cells: make([]Cell, len(channels))}
}

// Channels implements drivers.Sensor; the caller must not change the result.
func (s *Sensor) Channels() []drivers.Channel { return s.channels }

// String names the device as errors do.
func (s *Sensor) String() string { return s.label }

// Close lets go of the device; a later Read looks for it again.
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

// Read asks the kernel for each channel. A channel that fails does not keep the
// others from being read; the error is the first one's.
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
			break // the rest would say the same
		}
	}
	if first == nil {
		return nil
	}
	_ = s.Close() // look for it anew: it may have come back elsewhere
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

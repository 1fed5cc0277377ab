package iio

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"iot-edge-anomaly/drivers"
	"iot-edge-anomaly/drivers/internal/sysfs"
)

// Dev reads one device. It is not safe for concurrent use. Use New.
type Dev struct{ *sysfs.Sensor }

// New returns the device that device names: the chip's name (bmp280), its label
// from the device tree, what it is attached to (1-0076), iio:deviceN, or a path in
// /sys. It may be absent and come later. Root is the directory that holds /sys, ""
// for "/". An error means that device, channels or inputs is invalid. The channels come
// before the inputs.
func New(root, device string, channels []string, inputs ...Input) (*Dev, error) {
	return open(sysfs.FS{Root: root}, device, channels, inputs)
}

// Input is a channel with a name of its own and a scale, for example of a divider.
type Input = sysfs.Input

func open(fs sysfs.FS, device string, channels []string, inputs []Input) (*Dev, error) {
	list, all, err := sysfs.Inputs("iio", device, channels, inputs, Channel)
	if err != nil {
		return nil, err
	}
	cell := sysfs.Opener(all, func(d sysfs.Device, at string) (sysfs.Cell, error) { return newCell(fs, d, at) })
	return &Dev{sysfs.NewSensor(fs, sysfs.IIO, "iio", device, list, cell)}, nil
}

// cell is one open channel.
type cell struct {
	value  *sysfs.Attr // in_X_input, without offset and scale, or in_X_raw
	offset *sysfs.Attr // nil = 0
	scale  *sysfs.Attr // nil = 1
	unit   float64
	heat   bool // it is a temperature
}

func newCell(fs sysfs.FS, d sysfs.Device, at string) (*cell, error) {
	name, label, labelled := strings.Cut(at, ":")
	var err error
	if labelled {
		if name, err = fs.Labelled(d, "in_"+name+"*", "_label", label); err != nil {
			return nil, err
		}
		name = strings.TrimPrefix(name, "in_")
	}
	k := kinds[typeOf(name)]
	c := &cell{unit: k.unit, heat: k.quantity == drivers.Temperature}
	if c.value, err = fs.Attr(filepath.Join(d.Dir, "in_"+name+"_input")); err == nil {
		return c, nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	c.value, err = fs.Attr(filepath.Join(d.Dir, "in_"+name+"_raw"))
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%v has no such channel, it has %s: %w", d, has(d), err)
	}
	if err != nil {
		return nil, err
	}
	if c.offset, err = nearest(fs, d, name, "_offset"); err == nil {
		c.scale, err = nearest(fs, d, name, "_scale")
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// nearest opens the most specific attribute of a channel; nil if there is none.
func nearest(fs sysfs.FS, d sysfs.Device, name, suffix string) (*sysfs.Attr, error) {
	for _, s := range shared(name) {
		a, err := fs.Attr(filepath.Join(d.Dir, "in_"+s+suffix))
		if err == nil || !errors.Is(err, os.ErrNotExist) {
			return a, err
		}
	}
	return nil, nil
}

func (c *cell) Value(ctx context.Context) (float64, error) {
	v, err := c.value.Number(ctx)
	if err != nil {
		return 0, err
	}
	if c.offset != nil {
		offset, err := c.offset.Number(ctx)
		if err != nil {
			return 0, err
		}
		v += offset
	}
	if c.scale != nil {
		scale, err := c.scale.Number(ctx)
		if err != nil {
			return 0, err
		}
		v *= scale
	}
	if v *= c.unit; c.heat && v <= absoluteZero {
		return 0, fmt.Errorf("%.2f °C is what the device says of an input without a sensor", v)
	}
	return v, nil
}

// absoluteZero is what an input to which nothing is connected is often computed to.
const absoluteZero = -273.15

func (c *cell) Close() {
	c.value.Close()
	c.offset.Close()
	c.scale.Close()
}

// Find lists the devices that have channels. Root is the directory that holds /sys,
// "" for "/".
func Find(root string) (out []drivers.Found) {
	all := sysfs.FS{Root: root}.List(sysfs.IIO)
	for _, d := range all {
		if names := inputs(d); names != nil {
			out = append(out, drivers.Found{Device: sysfs.StableName(all, d), Channels: names})
		}
	}
	return out
}

// has lists a device's channels, for an error message.
func has(d sysfs.Device) string {
	names := inputs(d)
	if names == nil {
		return "none"
	}
	return strings.Join(names, ", ")
}

// inputs are the channels that a device has.
func inputs(d sysfs.Device) (out []string) {
	paths, _ := filepath.Glob(filepath.Join(d.Dir, "in_*"))
	for _, p := range paths {
		name := strings.TrimPrefix(filepath.Base(p), "in_")
		base, isInput := strings.CutSuffix(name, "_input")
		if !isInput {
			var isRaw bool
			if base, isRaw = strings.CutSuffix(name, "_raw"); !isRaw {
				continue
			}
		}
		if _, err := Channel(base); err == nil && !slices.Contains(out, base) {
			out = append(out, base)
		}
	}
	return out
}

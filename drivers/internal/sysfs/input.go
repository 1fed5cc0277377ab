package sysfs

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"iot-edge-anomaly/drivers"
)

// Input is a channel with a name of its own and a scale.
type Input struct {
	Name          string
	At            string  // the kernel's name, or a type and the kernel's label: "in1", "temp:Core 0"
	Unit          string  // after scaling; empty = that of the kernel's channel
	Scale, Offset float64 // value*Scale + Offset; Scale is not 0
}

// Inputs are the channels of a device that names and inputs describe, and for each of
// them the input. channel knows what At can be. An error says which of them is wrong.
func Inputs(kind, device string, names []string, inputs []Input, channel func(at string) (drivers.Channel, error)) ([]drivers.Channel, []Input, error) {
	all := make([]Input, 0, len(names)+len(inputs))
	for _, name := range names {
		all = append(all, Input{Name: name, At: name, Scale: 1})
	}
	all = append(all, inputs...)
	if device == "" || len(all) == 0 {
		return nil, nil, errors.New(kind + ": want a device and at least one channel")
	}
	var list []drivers.Channel
	for _, in := range all {
		c, err := channel(in.At)
		if err != nil {
			return nil, nil, err
		}
		if c.Name = in.Name; in.Unit != "" && in.Unit != c.Quantity.Unit {
			c.Quantity = drivers.Quantity{Unit: in.Unit}
		}
		if slices.ContainsFunc(list, func(o drivers.Channel) bool { return o.Name == c.Name }) {
			return nil, nil, fmt.Errorf("%s: channel %s is named twice", kind, in.Name)
		}
		list = append(list, c)
	}
	return list, all, nil
}

// Opener returns the function that opens the cell of a channel by its name.
func Opener(inputs []Input, open func(d Device, at string) (Cell, error)) func(Device, string) (Cell, error) {
	return func(d Device, name string) (Cell, error) {
		i := slices.IndexFunc(inputs, func(in Input) bool { return in.Name == name })
		c, err := open(d, inputs[i].At)
		if err != nil || inputs[i].Scale == 1 && inputs[i].Offset == 0 {
			return c, err
		}
		return &scaled{c, inputs[i].Scale, inputs[i].Offset}, nil
	}
}

// scaled is a cell with a scale.
type scaled struct {
	Cell
	scale, offset float64
}

func (s *scaled) Value(ctx context.Context) (float64, error) {
	v, err := s.Cell.Value(ctx)
	return float64(v*s.scale) + s.offset, err
}

// Labelled finds the attribute whose label is text: the name of the file that matches
// pattern, without suffix, "curr2" for curr2_label. Two with the same label are an
// error, and so is none.
func (fs FS) Labelled(d Device, pattern, suffix, text string) (string, error) {
	paths, _ := filepath.Glob(filepath.Join(d.Dir, pattern+suffix))
	var found, labels []string
	for _, p := range paths {
		label := fs.Text(p)
		labels = append(labels, label)
		if label == text {
			found = append(found, strings.TrimSuffix(filepath.Base(p), suffix))
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return "", fmt.Errorf("%v has the label %q at %s", d, text, strings.Join(found, " and "))
	case len(labels) == 0:
		return "", fmt.Errorf("%v has no labels there", d)
	}
	return "", fmt.Errorf("%v has no label %q, it has %s", d, text, strings.Join(labels, ", "))
}

package thermal

import (
	"context"
	"errors"
	"path/filepath"
	"slices"

	"iot-edge-anomaly/drivers"
	"iot-edge-anomaly/drivers/internal/sysfs"
)

var channels = []drivers.Channel{{Name: "temperature", Quantity: drivers.Temperature}}

// Channels returns temperature in °C.
func Channels() []drivers.Channel { return slices.Clone(channels) }

// Dev reads one zone. It is not safe for concurrent use. Use New.
type Dev struct{ *sysfs.Sensor }

// New returns the zone that device names: its type (cpu-thermal) or
// thermal_zoneN. It may be absent and come later. Root is the directory that holds
// /sys, "" for "/".
func New(root, device string) (*Dev, error) { return open(sysfs.FS{Root: root}, device) }

func open(fs sysfs.FS, device string) (*Dev, error) {
	if device == "" {
		return nil, errors.New("thermal: no device, want a type such as cpu-thermal")
	}
	cell := func(d sysfs.Device, _ string) (sysfs.Cell, error) {
		a, err := fs.Attr(filepath.Join(d.Dir, "temp"))
		return milli{a}, err
	}
	return &Dev{sysfs.NewSensor(fs, sysfs.Thermal, "thermal", device, channels, cell)}, nil
}

// Find lists the zones. Root is the directory that holds /sys, "" for "/".
func Find(root string) (out []drivers.Found) {
	all := sysfs.FS{Root: root}.List(sysfs.Thermal)
	for _, d := range all {
		out = append(out, drivers.Found{Device: sysfs.StableName(all, d), Channels: []string{channels[0].Name}})
	}
	return out
}

// milli is an attribute whose value is in thousandths.
type milli struct{ *sysfs.Attr }

func (m milli) Value(ctx context.Context) (float64, error) {
	v, err := m.Number(ctx)
	return v / 1000, err
}

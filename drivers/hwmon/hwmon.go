package hwmon

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"iot-edge-anomaly/drivers"
	"iot-edge-anomaly/drivers/internal/sysfs"
)

// kind is one type of channel.
type kind struct {
	prefix   string // of its name; a number follows
	quantity drivers.Quantity
	unit     float64 // the kernel's unit in that of quantity
}

// kinds are the "Unit:" lines of the document's sections.
var kinds = []kind{
	{"temp", drivers.Temperature, 1e-3},
	{"in", drivers.Voltage, 1e-3},
	{"curr", drivers.Current, 1e-3},
	{"power", drivers.Power, 1e-6},
	{"energy", drivers.Quantity{Name: "energy", Unit: "J"}, 1e-6},
	{"humidity", drivers.Humidity, 1e-3},
	{"fan", drivers.Quantity{Name: "rotational speed", Unit: "1/min"}, 1},
}

// Dev reads one chip. It is not safe for concurrent use. Use New.
type Dev struct{ *sysfs.Sensor }

// New returns the chip that device names: its name or its label on the board
// (cpu_thermal), what it is attached to (1-0048, 28-0316a2795f3d), hwmonN, or a
// path in /sys. It may be absent and come later. Root is the directory that holds
// /sys, "" for "/". An error means that device, channels or inputs is invalid. The
// channels come before the inputs.
func New(root, device string, channels []string, inputs ...Input) (*Dev, error) {
	return open(sysfs.FS{Root: root}, device, channels, inputs)
}

// Input is a channel with a name of its own and a scale, for example of a divider.
type Input = sysfs.Input

func open(fs sysfs.FS, device string, channels []string, inputs []Input) (*Dev, error) {
	list, all, err := sysfs.Inputs("hwmon", device, channels, inputs, Channel)
	if err != nil {
		return nil, err
	}
	cell := sysfs.Opener(all, func(d sysfs.Device, at string) (sysfs.Cell, error) { return newCell(fs, d, at) })
	return &Dev{sysfs.NewSensor(fs, sysfs.HWMon, "hwmon", device, list, cell)}, nil
}

// Channel returns the channel with a name: temp1, in0, fan2; or with a label, which
// stands behind the type: "temp:Core 0", "in:+12V". The labels of PMBus chips, iout1 or
// vin, tell the type by themselves.
func Channel(at string) (drivers.Channel, error) {
	k, _, ok := kindOf(at)
	if !ok {
		return drivers.Channel{}, fmt.Errorf("hwmon: channel %q, want in0, temp1, curr1, power1, energy1, humidity1, fan1 or the like", at)
	}
	return drivers.Channel{Name: at, Quantity: k.quantity}, nil
}

// pmbus are the beginnings of the labels of PMBus chips, and their types.
var pmbus = regexp.MustCompile(`^(vin|vout|vmon|vcap|iin|iout|pin|pout)[0-9]{0,2}[a-z]?$`)

// kindOf is the type of a channel, and its label if it is named by that.
func kindOf(at string) (k kind, label string, ok bool) {
	prefix, label, labelled := strings.Cut(at, ":")
	number := strings.TrimLeft(prefix, "abcdefghijklmnopqrstuvwxyz")
	word := prefix[:len(prefix)-len(number)]
	if !labelled && pmbus.MatchString(at) {
		word, label, labelled, number = map[byte]string{'v': "in", 'i': "curr", 'p': "power"}[at[0]], at, true, ""
	}
	i := slices.IndexFunc(kinds, func(k kind) bool { return k.prefix == word })
	switch {
	case i < 0 || len(number) > 3 || strings.Trim(number, "0123456789") != "":
		return kind{}, "", false
	case labelled:
		return kinds[i], label, number == "" && label != ""
	}
	return kinds[i], "", number == "0" || number != "" && number[0] != '0'
}

// cell is one open channel.
type cell struct {
	value *sysfs.Attr
	fault *sysfs.Attr // nil: the chip has none
	unit  float64
	wire  func() string // reads a 1-Wire thermometer's bytes; nil for other chips
	wide  bool          // it may be a thermocouple
	heat  bool          // it is a temperature
	last  float64       // the newest temperature in m°C; NaN = none
}

func newCell(fs sysfs.FS, d sysfs.Device, at string) (*cell, error) {
	k, label, _ := kindOf(at)
	name := at
	if label != "" {
		var err error
		if name, err = fs.Labelled(d, k.prefix+"[0-9]*", "_label", label); err != nil {
			return nil, err
		}
	}
	value, err := fs.Attr(filepath.Join(d.Dir, name+"_input"))
	if errors.Is(err, os.ErrNotExist) { // some chips measure only an average
		value, err = fs.Attr(filepath.Join(d.Dir, name+"_average"))
	}
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%v has no such channel, it has %s: %w", d, has(fs, d), err)
	}
	if err != nil {
		return nil, err
	}
	c := &cell{value: value, unit: k.unit, heat: k.quantity == drivers.Temperature, last: math.NaN()}
	if d.Name == "w1_slave_temp" {
		c.wide = strings.HasPrefix(d.Place, thermocouple)
		c.wire = func() string { return fs.Text(filepath.Join(d.Dir, "device", "w1_slave")) }
	}
	if c.fault, err = fs.Attr(filepath.Join(d.Dir, name+"_fault")); err != nil && !errors.Is(err, os.ErrNotExist) {
		value.Close()
		return nil, err
	}
	return c, nil
}

func (c *cell) Value(ctx context.Context) (float64, error) {
	v, err := c.number(ctx)
	if err != nil {
		return 0, err
	}
	if c.fault != nil {
		if f, err := c.fault.Number(ctx); err != nil {
			return 0, err
		} else if f != 0 {
			return 0, errors.New("the chip reports a fault of the sensor (open, shorted or not connected)")
		}
	}
	return v * c.unit, nil
}

func (c *cell) Close() {
	c.value.Close()
	c.fault.Close()
}

// Find lists the chips that have channels. Root is the directory that holds /sys,
// "" for "/".
func Find(root string) (out []drivers.Found) {
	fs := sysfs.FS{Root: root}
	all := fs.List(sysfs.HWMon)
	for _, d := range all {
		if names := inputs(d); names != nil {
			out = append(out, drivers.Found{Device: sysfs.StableName(all, d), Channels: names})
		}
	}
	return out
}

// inputs are the channels that a chip has.
func inputs(d sysfs.Device) (out []string) {
	for _, suffix := range []string{"_input", "_average"} {
		paths, _ := filepath.Glob(filepath.Join(d.Dir, "*"+suffix))
		for _, p := range paths {
			name := strings.TrimSuffix(filepath.Base(p), suffix)
			if _, _, ok := kindOf(name); ok && !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
	}
	return out
}

// has lists a chip's channels with their labels, for an error message.
func has(fs sysfs.FS, d sysfs.Device) string {
	var out []string
	for _, name := range inputs(d) {
		if label := fs.Text(filepath.Join(d.Dir, name+"_label")); label != "" {
			name += " (" + label + ")"
		}
		out = append(out, name)
	}
	if out == nil {
		return "none"
	}
	return strings.Join(out, ", ")
}

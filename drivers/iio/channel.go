package iio

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"iot-edge-anomaly/drivers"
)

// kind is one type of channel.
type kind struct {
	quantity drivers.Quantity
	unit     float64 // the kernel's unit in that of quantity
}

// kinds lists the types by the kernel's name. The kernel's units are millivolt,
// milliampere, milliwatt, millidegree, kilopascal, millipercent and gauss; the
// others equal the units given here.
var kinds = map[string]kind{
	"temp":                   {drivers.Temperature, 1e-3},
	"pressure":               {drivers.Pressure, 1e3},
	"humidityrelative":       {drivers.Humidity, 1e-3},
	"voltage":                {drivers.Voltage, 1e-3},
	"current":                {drivers.Current, 1e-3},
	"power":                  {drivers.Power, 1e-3},
	"accel":                  {drivers.Quantity{Name: "acceleration", Unit: "m/s²"}, 1},
	"gravity":                {drivers.Quantity{Name: "acceleration", Unit: "m/s²"}, 1},
	"anglvel":                {drivers.Quantity{Name: "angular velocity", Unit: "rad/s"}, 1},
	"angl":                   {drivers.Quantity{Name: "angle", Unit: "rad"}, 1},
	"incli":                  {drivers.Quantity{Name: "inclination", Unit: "°"}, 1},
	"magn":                   {drivers.Quantity{Name: "magnetic flux density", Unit: "µT"}, 100},
	"illuminance":            {drivers.Quantity{Name: "illuminance", Unit: "lx"}, 1},
	"distance":               {drivers.Quantity{Name: "distance", Unit: "m"}, 1},
	"resistance":             {drivers.Quantity{Name: "resistance", Unit: "Ω"}, 1},
	"capacitance":            {drivers.Quantity{Name: "capacitance", Unit: "nF"}, 1},
	"concentration":          {drivers.Quantity{Name: "concentration", Unit: "%"}, 1},
	"massconcentration":      {drivers.Quantity{Name: "mass concentration", Unit: "µg/m³"}, 1},
	"electricalconductivity": {drivers.Quantity{Name: "conductivity", Unit: "S/m"}, 1},
	"phase":                  {drivers.Quantity{Name: "phase", Unit: "rad"}, 1},
	"intensity":              {drivers.Quantity{Name: "light intensity"}, 1},
	"proximity":              {drivers.Quantity{Name: "proximity"}, 1},
	"uvindex":                {drivers.Quantity{Name: "UV index"}, 1},
	"ph":                     {drivers.Quantity{Name: "pH"}, 1},
	"count":                  {drivers.Quantity{Name: "count"}, 1},
}

// grammar is <type>[Y][-<type>Z][_<modifier>]…
var grammar = regexp.MustCompile(`^([a-z]+)([0-9]{0,3})(-[a-z]+[0-9]{0,3})?((?:_[a-z0-9]+)*)$`)

// typeOf is the type of a channel with a name that the grammar allows.
func typeOf(name string) string { return grammar.FindStringSubmatch(name)[1] }

// Channel returns the channel with a name: temp, voltage0, accel_x; or with a label,
// which stands behind the type: "voltage:supply".
func Channel(at string) (drivers.Channel, error) {
	name, label, labelled := strings.Cut(at, ":")
	if _, ok := kinds[name]; labelled && (!ok || label == "") {
		return drivers.Channel{}, fmt.Errorf("iio: channel %q, want a type and a label, like voltage:supply", at)
	}
	m := grammar.FindStringSubmatch(name)
	if m == nil {
		return drivers.Channel{}, fmt.Errorf("iio: channel %q, want a name like temp, voltage0 or accel_x", name)
	}
	k, ok := kinds[m[1]]
	if !ok || m[3] != "" && !strings.HasPrefix(m[3][1:], m[1]) {
		hint := "want a name like temp, pressure, humidityrelative, voltage0 or accel_x"
		if name == "humidity" || name == "temperature" {
			hint = "the kernel calls it " + map[string]string{"humidity": "humidityrelative", "temperature": "temp"}[name]
		}
		return drivers.Channel{}, fmt.Errorf("iio: channel %q has an unknown type, %s", name, hint)
	}
	return drivers.Channel{Name: at, Quantity: k.quantity}, nil
}

// shared lists the names of attributes that may hold a channel's scale and offset,
// the most specific first.
func shared(name string) []string {
	m := grammar.FindStringSubmatch(name)
	kind, number, other, modifier := m[1], m[2], m[3], m[4]
	out := []string{name}
	add := func(s string) {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	add(kind + number + other)
	if other != "" { // a differential channel does not have the gain of its inputs
		add(kind + "-" + kind)
		return out
	}
	add(kind + modifier)
	add(kind)
	return out
}

package devices

import (
	"fmt"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/drivers"
	"iot-edge-anomaly/drivers/hwmon"
	"iot-edge-anomaly/drivers/iio"
)

// inputKeys are the channels of a device of the kernel that have a name and a scale of
// their own. example is what one may be.
func inputKeys(example string) []config.Key {
	return []config.Key{{Name: "inputs", Kind: config.Channels, Max: "64", Without: "none", Example: "[{name: rail12, at: \"" + example + "\", scale: 11.9}]",
		Help: "Channels with a name, a scale or a unit of their own, for example behind a divider; `channels` are those without.",
		Keys: []config.Key{
			{Name: "at", Kind: config.Text, Max: "64", Need: true, Example: `"` + example + `"`,
				Help: "What is read: the kernel's name of the channel, or its type and the kernel's label of it."},
		}}}
}

// checkInputs checks what each input reads, and gives it the kernel's unit if it has
// none. channel tells it.
func checkInputs(channel func(at string) (drivers.Channel, error)) func(*config.Sensor) []config.Fault {
	return func(s *config.Sensor) (fs []config.Fault) {
		inputs := config.Get[[]config.Measurand](s.Own, "inputs")
		for i := range inputs {
			c, err := channel(config.Get[string](inputs[i].Own, "at"))
			if err != nil {
				fs = append(fs, config.Fault{Key: "inputs", Message: fmt.Sprintf("input %s: %v", inputs[i].Name, err), Hint: "docs/sensors.md names them"})
			} else if inputs[i].UnitOf == "" {
				inputs[i].UnitOf = c.Quantity.Unit
			}
		}
		return fs
	}
}

// kernelInputs are those of the configuration.
func kernelInputs(c config.Sensor) (out []hwmon.Input) {
	for _, in := range config.Get[[]config.Measurand](c.Own, "inputs") {
		out = append(out, hwmon.Input{Name: in.Name, At: config.Get[string](in.Own, "at"), Unit: in.UnitOf, Scale: in.Scale, Offset: in.Offset})
	}
	return out
}

func makeHwmon(c config.Sensor, b bus) (drivers.Sensor, error) {
	return hwmon.New(b.root, c.Device, c.Channels, kernelInputs(c)...)
}

func makeIIO(c config.Sensor, b bus) (drivers.Sensor, error) {
	return iio.New(b.root, c.Device, c.Channels, kernelInputs(c)...)
}

package devices

import (
	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/drivers"
	"iot-edge-anomaly/drivers/ads1115"
)

var ads1115Keys = []config.Key{
	{Name: "rate", Kind: config.Integer, Unit: "samples/s", Choices: []string{"8", "16", "32", "64", "128", "250", "475", "860"}, Default: "128", Example: "64",
		Help: "Samples per second of the converter; a slow rate is less noisy, and an input takes longer."},
	{Name: "inputs", Kind: config.Channels, Need: true, Max: "64", Example: "[{name: a, pins: 0, unit: V}]",
		Help:   "The inputs that are read, one after the other.",
		Others: map[string]string{"pin": "write pins: 0 or pins: 0-1"},
		Keys: []config.Key{
			{Name: "pins", Kind: config.Choice, Choices: []string{"0", "1", "2", "3", "0-1", "0-3", "1-3", "2-3"}, Need: true, Example: "0",
				Help: "A pin that is measured against ground, or two pins whose difference is measured."},
			{Name: "full_scale", Kind: config.Number, Unit: "V", Choices: []string{"6.144", "4.096", "2.048", "1.024", "0.512", "0.256"}, Default: "2.048", Example: "0.256",
				Help: "End of the range of measurement; no pin may exceed the chip's supply whatever it is."},
		}},
}

// makeADS1115 makes a converter with the inputs of the configuration.
func makeADS1115(c config.Sensor, b bus) (drivers.Sensor, error) {
	o := ads1115.Options{Address: c.Address, Rate: config.Get[int](c.Own, "rate")}
	for _, in := range config.Get[[]config.Measurand](c.Own, "inputs") {
		i := ads1115.Input{Name: in.Name, Quantity: drivers.Quantity{Unit: in.UnitOf}, Negative: ads1115.Ground,
			FullScale: config.Get[float64](in.Own, "full_scale"), Scale: in.Scale, Offset: in.Offset}
		pins := config.Get[string](in.Own, "pins") // "0" or "0-1"
		i.Positive = int(pins[0] - '0')
		if len(pins) == 3 {
			i.Negative = int(pins[2] - '0')
		}
		o.Inputs = append(o.Inputs, i)
	}
	return ads1115.New(b.i2c, o)
}

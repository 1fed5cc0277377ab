package devices

import (
	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/drivers"
	"iot-edge-anomaly/drivers/ads1115"
)

// makeADS1115 makes a converter with the inputs of the configuration.
func makeADS1115(c config.Sensor, b bus) (drivers.Sensor, error) {
	o := ads1115.Options{Address: c.Address, Rate: int(c.Rate)}
	for _, in := range c.Inputs {
		o.Inputs = append(o.Inputs, ads1115.Input{Name: in.Name, Quantity: drivers.Quantity{Unit: in.UnitOf},
			Positive: in.Positive, Negative: in.Negative, FullScale: in.FullScale, Scale: in.Scale, Offset: in.Offset})
	}
	return ads1115.New(b.i2c, o)
}

package devices

import (
	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/drivers"
	"iot-edge-anomaly/drivers/vibration"
)

// named hands a driver's channels to the configuration.
func named(channel func(string) (drivers.Channel, error)) func(string) (config.ChannelInfo, error) {
	return func(name string) (config.ChannelInfo, error) {
		c, err := channel(name)
		return config.ChannelInfo{Name: c.Name, Unit: c.Quantity.Unit}, err
	}
}

func vibrationOptions(root string, c config.Sensor) vibration.Options {
	o := vibration.Options{Root: root, Device: c.Device, Axes: c.Axes, Rate: c.Rate, Samples: c.Samples, Channels: c.Channels}
	for _, b := range c.Bands {
		o.Bands = append(o.Bands, [2]float64{b.Min, b.Max})
	}
	return o
}

func listVibration(c config.Sensor) ([]config.ChannelInfo, error) {
	cs, err := vibration.Channels(vibrationOptions("", c))
	return channels(cs), err
}

package devices

import (
	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/drivers"
	"iot-edge-anomaly/drivers/vibration"
)

// makeVibration makes a reader of a kernel buffer of acceleration.
func makeVibration(c config.Sensor, b bus) (drivers.Sensor, error) {
	return vibration.New(vibrationOptions(b.root, c))
}

func vibrationOptions(root string, c config.Sensor) vibration.Options {
	o := vibration.Options{Root: root, Device: c.Device, Axes: c.Axes, Rate: c.Rate, Samples: c.Samples, Channels: c.Channels}
	for _, b := range c.Bands {
		o.Bands = append(o.Bands, [2]float64{b.Min, b.Max})
	}
	return o
}

// listVibration is the channels that the configured axes and bands give.
func listVibration(c config.Sensor) ([]config.ChannelInfo, error) {
	cs, err := vibration.Channels(vibrationOptions("", c))
	return channels(cs), err
}

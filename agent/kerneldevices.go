package main

import (
	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/drivers"
	"iot-edge-anomaly/drivers/hwmon"
	"iot-edge-anomaly/drivers/iio"
	"iot-edge-anomaly/drivers/thermal"
	"iot-edge-anomaly/drivers/vibration"
)

// kernelDevices are the drivers that read what a driver of the kernel delivers
// below root.
func kernelDevices(root string) map[string]device {
	return map[string]device{
		"hwmon": {config.DriverInfo{Bus: "kernel", Channel: named(hwmon.Channel)},
			func(c config.Sensor, _ line) (drivers.Sensor, error) { return hwmon.New(root, c.Device, c.Channels) }},
		"iio": {config.DriverInfo{Bus: "kernel", Channel: named(iio.Channel)},
			func(c config.Sensor, _ line) (drivers.Sensor, error) { return iio.New(root, c.Device, c.Channels) }},
		"thermal": {config.DriverInfo{Bus: "kernel", Channels: channels(thermal.Channels())},
			func(c config.Sensor, _ line) (drivers.Sensor, error) { return thermal.New(root, c.Device) }},
		"vibration": {config.DriverInfo{Bus: "kernel", Keys: []string{"axes", "rate", "samples", "bands"}, List: listVibration},
			func(c config.Sensor, _ line) (drivers.Sensor, error) { return vibration.New(vibrationOptions(root, c)) }},
	}
}

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

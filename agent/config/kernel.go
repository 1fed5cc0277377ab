package config

import "regexp"

// kernelDevice reads what a sensor of the kernel is found by: a name, a place,
// or a path below /sys. Which of them exist only the machine knows.
func (s *sensorReader) kernelDevice(v value) {
	name, ok := v.someText()
	if !ok {
		return
	}
	s.Device = name
	if kernelNumber.MatchString(name) {
		v.warn("use the chip's name or what it is attached to, such as 1-0048 (docs/sensors.md)", "%s is a number in the order in which drivers came up: after another start it may be another device", name)
	}
}

// kernelNumber is how the kernel counts devices.
var kernelNumber = regexp.MustCompile(`^(hwmon|iio:device|thermal_zone)[0-9]+$`)

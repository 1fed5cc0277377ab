package devices

import (
	"slices"
	"strings"

	"periph.io/x/conn/v3/i2c"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/drivers"
)

// Identify names the driver of the chip at an address of an I2C bus, where the chip
// tells what it is. Otherwise candidates are the drivers of chips that may have this
// address and cannot tell what they are.
func Identify(bus i2c.Bus, addr uint16) (driver string, candidates []string) {
	for _, e := range entries {
		switch {
		case !slices.Contains(e.info.Addresses, addr):
		case e.identify == nil:
			candidates = append(candidates, e.name)
		default:
			if driver = e.identify(bus, addr); driver != "" {
				return driver, nil
			}
		}
	}
	return "", candidates
}

// KernelDevice is a device of the kernel that is there, and the driver that reads it.
type KernelDevice struct {
	Driver string
	drivers.Found
}

// KernelDevices lists the sensors of the kernel below root ("" for "/"), each once: a
// thermal zone of which the kernel makes a hwmon chip is left out.
func KernelDevices(root string) (out []KernelDevice) {
	plain := strings.NewReplacer("-", "_")
	for _, e := range entries {
		if e.find == nil {
			continue
		}
		for _, f := range e.find(root) {
			same := func(o KernelDevice) bool { return plain.Replace(o.Device) == plain.Replace(f.Device) }
			if e.name != "thermal" || !slices.ContainsFunc(out, same) {
				out = append(out, KernelDevice{e.name, f})
			}
		}
	}
	return out
}

// Example is what a line of the configuration needs for a driver beyond name,
// driver, bus and address, with a comma before it; empty for most drivers. Beside
// required keys these are numbers that depend on the wiring.
func Example(driver string) (text string) {
	if e := find(driver); e != nil {
		for _, k := range e.info.Keys {
			if k.Need || k.Kind == config.Number {
				text += ", " + k.Name + ": " + k.Example
			}
		}
	}
	return text
}

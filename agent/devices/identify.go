package devices

import (
	"slices"

	"periph.io/x/conn/v3/i2c"

	"iot-edge-anomaly/agent/config"
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

package devices

import (
	"slices"

	"periph.io/x/conn/v3/i2c"
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
// driver, bus and address, with a comma before it; empty for most drivers.
func Example(driver string) string {
	if e := find(driver); e != nil {
		return e.example
	}
	return ""
}

package devices

import (
	"maps"
	"slices"

	"periph.io/x/conn/v3/i2c"

	"iot-edge-anomaly/drivers/bme280"
	"iot-edge-anomaly/drivers/ina"
	"iot-edge-anomaly/drivers/sht"
	"iot-edge-anomaly/drivers/tmp1xx"
)

// identifiers tell a chip by what no other has: an id register, a checksum. They
// read; what they write are register pointers and read commands.
var identifiers = []func(bus i2c.Bus, addr uint16) string{bme280.Identify, ina.Identify, tmp1xx.Identify, sht.Identify}

// identifiable are the drivers that an identifier names.
var identifiable = []string{"bme280", "bmp280", "ina226", "sht3x", "sht4x", "tmp117"}

// Identify names the driver of the chip at an address of an I2C bus, where the chip
// tells what it is. Otherwise candidates are the drivers of chips that may have this
// address and cannot tell what they are, sorted by name.
func Identify(bus i2c.Bus, addr uint16) (driver string, candidates []string) {
	for _, identify := range identifiers {
		if driver = identify(bus, addr); driver != "" {
			return driver, nil
		}
	}
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		// A chip that an identifier knows would have been identified.
		if slices.Contains(entries[name].info.Addresses, addr) && !slices.Contains(identifiable, name) {
			candidates = append(candidates, name)
		}
	}
	return "", candidates
}

// Example is what a line of the configuration needs beyond name, driver, bus and
// address, with a comma before it; empty for most drivers.
func Example(driver string) string {
	switch keys := entries[driver].info.Keys; {
	case slices.Contains(keys, "shunt"):
		return ", shunt: 0.1"
	case slices.Contains(keys, "inputs"):
		return ", inputs: [{name: a, pins: 0, unit: V}]"
	}
	return ""
}

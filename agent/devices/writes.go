package devices

import (
	"fmt"

	"iot-edge-anomaly/agent/config"
)

// Writes lists what the configuration itself has written to devices, a sentence for
// each: the init of chips that are read by a table of registers. What the drivers of
// known chips write, to start a measurement, is not listed.
func Writes(c *config.Config) (out []string) {
	for _, s := range c.Sensors {
		if s.Driver != "regs" {
			continue
		}
		for _, w := range config.Get[[]config.Values](s.Own, "init") {
			out = append(out, fmt.Sprintf("sensor %s: % #x is written to the chip at %#02x on bus %s whenever it is opened", s.Name, written(w), s.Address, s.Bus))
		}
	}
	return out
}

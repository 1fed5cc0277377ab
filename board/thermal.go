package board

import (
	"fmt"
	"math"
	"path/filepath"
	"strconv"
)

// cpuZones are the thermal zones that tell the processor's temperature, by
// their type, the better first.
var cpuZones = []string{"cpu-thermal", "cpu_thermal", "CPU-therm", "soc-thermal", "x86_pkg_temp", "acpitz"}

// CPUTemperature returns the processor's temperature in °C, from the thermal
// zone that is named for it or, with none named, the first.
func CPUTemperature(root string) (float64, error) {
	zones, err := filepath.Glob(filepath.Join(root, "sys/class/thermal/thermal_zone*"))
	if err != nil || len(zones) == 0 {
		return math.NaN(), fmt.Errorf("cpu temperature: no thermal zone below %s", root)
	}
	best, rank := zones[0], len(cpuZones)
	for _, z := range zones {
		kind := readText(z, "type")
		for i, want := range cpuZones[:rank] {
			if kind == want {
				best, rank = z, i
				break
			}
		}
	}
	b, err := readFile(best, "temp")
	if err != nil {
		return math.NaN(), fmt.Errorf("cpu temperature: %w", err)
	}
	c, ok := parseMilli(parseText(b))
	if !ok {
		return math.NaN(), fmt.Errorf("cpu temperature: %s says %q", best, parseText(b))
	}
	return c, nil
}

// parseMilli reads millidegrees (53069 = 53.069 °C); what no silicon survives
// is no temperature.
func parseMilli(s string) (float64, bool) {
	n, err := strconv.ParseInt(s, 10, 32)
	if err != nil || n < -100_000 || n > 250_000 {
		return 0, false
	}
	return float64(n) / 1000, true
}

package board

import (
	"bytes"
	"fmt"
	"math"
	"path"
	"path/filepath"
	"strconv"
	"strings"
)

// MemoryLimit returns how many bytes this process may use: the smallest of the
// machine's memory and of memory.max of its control group and all above it
// (cgroup v2); 0 = unknown.
func MemoryLimit(root string) int64 {
	limit := int64(math.MaxInt64)
	if b, err := readFile(root, "proc/meminfo"); err == nil {
		if n, ok := parseMemTotal(b); ok {
			limit = n
		}
	}
	if b, err := readFile(root, "proc/self/cgroup"); err == nil {
		for group := parseCgroup(b); group != ""; group = path.Dir(group) {
			if n, ok := parseMax(readText(root, "sys/fs/cgroup", group, "memory.max")); ok {
				limit = min(limit, n)
			}
			if group == "/" {
				break
			}
		}
	}
	if limit == math.MaxInt64 {
		return 0
	}
	return limit
}

// parseMemTotal takes "MemTotal: 948304 kB" from /proc/meminfo.
func parseMemTotal(b []byte) (bytesTotal int64, ok bool) {
	for line := range bytes.Lines(b) {
		f := strings.Fields(string(line))
		if len(f) == 3 && f[0] == "MemTotal:" && f[2] == "kB" {
			kb, err := strconv.ParseInt(f[1], 10, 64)
			if err != nil || kb <= 0 || kb > math.MaxInt64/1024 {
				return 0, false
			}
			return kb * 1024, true
		}
	}
	return 0, false
}

// parseCgroup takes the path of the unified hierarchy, "0::/a/b", from
// /proc/self/cgroup; "" where there is none. The path is clean and absolute.
func parseCgroup(b []byte) string {
	for line := range strings.Lines(string(b)) {
		if p, ok := strings.CutPrefix(strings.TrimRight(line, "\n"), "0::/"); ok {
			return path.Clean("/" + p)
		}
	}
	return ""
}

// parseMax reads memory.max: bytes, or "max" for no limit.
func parseMax(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && n > 0
}

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

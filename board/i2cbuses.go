package board

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// I2CBus is one I²C adapter of the kernel.
type I2CBus struct {
	Path   string // "/dev/i2c-1"
	Name   string // the driver's: "bcm2835 (i2c@7e804000)"
	Number int
}

// I2CBuses lists the adapters below root by number. The list is empty if the machine
// has none or the module i2c-dev is not loaded.
func I2CBuses(root string) []I2CBus {
	var out []I2CBus
	class := filepath.Join(root, "sys/class/i2c-dev")
	entries, _ := os.ReadDir(class) // absent = no bus
	for _, e := range entries {
		if n, ok := parseBusNumber(e.Name()); ok {
			out = append(out, I2CBus{Path: "/dev/" + e.Name(), Name: readText(class, e.Name(), "name"), Number: n})
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Number < out[j].Number })
	return out
}

// parseBusNumber returns 7 for "i2c-7".
func parseBusNumber(s string) (int, bool) {
	digits, ok := strings.CutPrefix(s, "i2c-")
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 16)
	return int(n), err == nil && strconv.FormatUint(n, 10) == digits
}

// display lists parts of names of adapters that belong to a monitor or to the board
// itself, where nobody connects a sensor.
var display = []string{"hdmi", "ddc", "dpaux", "i915", "amdgpu", "nouveau", "smbus", "bpmp"}

// headerBus returns the bus that "auto" means.
func headerBus(root string) (string, error) {
	b, buses := Detect(root), I2CBuses(root)
	var listed []string
	var candidates []I2CBus
	for _, bus := range buses {
		if bus.Number == b.HeaderI2C {
			return bus.Path, nil
		}
		name := strings.ToLower(bus.Name)
		if !slices.ContainsFunc(display, func(d string) bool { return strings.Contains(name, d) }) {
			candidates = append(candidates, bus)
		}
		listed = append(listed, fmt.Sprintf("%s (%s)", bus.Path, bus.Name))
	}
	model := b.Model
	if model == "" {
		model = "this board"
	}
	switch {
	case b.HeaderI2C >= 0:
		return "", fmt.Errorf("i2c auto: %s has its header on /dev/i2c-%d, which is absent: %s", model, b.HeaderI2C, enable(b))
	case len(buses) == 0:
		return "", fmt.Errorf("i2c auto: %s has no bus: %s", model, enable(b))
	case len(candidates) == 1:
		return candidates[0].Path, nil
	}
	return "", fmt.Errorf("i2c auto: %s has several buses, name one of %s", model, strings.Join(listed, ", "))
}

// enable says how to enable a bus that is absent.
func enable(b Board) string {
	if strings.HasPrefix(b.Model, "Raspberry Pi") {
		return "set dtparam=i2c_arm=on in config.txt, load i2c-dev, restart"
	}
	return "load the module i2c-dev, enable the bus in the device tree or plug its adapter in"
}

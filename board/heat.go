package board

import (
	"math"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
)

const (
	heatMost   = 80 // °C that a part may have for long; a Raspberry Pi slows down from there on
	heatMargin = 10 // K below the temperature at which the kernel switches off
	heatLeast  = 40 // °C; a critical temperature below is a dummy
)

// Heat is one part of the computer whose temperature is known.
type Heat struct {
	Part    string
	Celsius float64
	Most    float64 // °C that it may have for long
}

// Hottest is the part that is nearest to, or farthest beyond, what it may have, among the
// thermal zones and the chips of hwmon that know a critical temperature. Chips on an I²C
// bus are left out: they may measure the plant, and reading them takes its bus. Celsius is
// NaN where nothing is known.
func Hottest(root string) Heat {
	hottest := Heat{Celsius: math.NaN()}
	add := func(part, file string, critical float64) {
		h := Heat{part, milli(root, file), heatMost}
		if critical > heatLeast {
			h.Most = min(h.Most, critical-heatMargin)
		}
		if over := h.Celsius - h.Most; over > hottest.Celsius-hottest.Most || math.IsNaN(hottest.Celsius) && over == over {
			hottest = h
		}
	}
	for _, zone := range glob(root, "sys/class/thermal/thermal_zone*") {
		critical := math.Inf(1)
		for _, kind := range glob(root, zone+"/trip_point_*_type") {
			if readText(root, kind) == "critical" {
				critical = milli(root, strings.TrimSuffix(kind, "type")+"temp")
			}
		}
		add(readText(root, zone, "type"), zone+"/temp", critical)
	}
	for _, chip := range hwmonOfBoard(root) {
		for _, file := range glob(root, chip+"/temp*_crit") {
			if critical := milli(root, file); critical > heatLeast {
				add(readText(root, chip, "name"), strings.TrimSuffix(file, "crit")+"input", critical)
			}
		}
	}
	return hottest
}

// Flags of the firmware of a Raspberry Pi in get_throttled: what holds now.
const (
	throttledUnderVoltage = 1 << 0
	throttledCapped       = 1 << 1
	throttledSlowed       = 1 << 2
)

// throttledFile is where the kernel of Raspberry Pi OS shows them, in hexadecimal.
const throttledFile = "sys/devices/platform/soc/soc:firmware/get_throttled"

// Supply tells what is wrong with the supply of this computer; "" where nothing is, or
// nothing is known. A Raspberry Pi tells of under-voltage, by hwmon or by its firmware's
// flags, and of a processor that is slowed down.
func Supply(root string) string {
	if flags, err := strconv.ParseUint(strings.TrimPrefix(readText(root, throttledFile), "0x"), 16, 64); err == nil {
		switch {
		case flags&throttledUnderVoltage != 0:
			return underVoltage
		case flags&(throttledCapped|throttledSlowed) != 0:
			return "the firmware slows the processor down: it is too hot, or its supply too weak"
		}
	}
	for _, chip := range hwmonOfBoard(root) {
		for _, file := range glob(root, chip+"/in*_lcrit_alarm") {
			if readText(root, file) == "1" {
				return underVoltage
			}
		}
	}
	return ""
}

const underVoltage = "under-voltage: the supply or its cable is too weak"

// hwmonOfBoard are the chips of hwmon that are on no I²C bus, as paths below root.
func hwmonOfBoard(root string) (out []string) {
	for _, chip := range glob(root, "sys/class/hwmon/hwmon*") {
		if real, err := filepath.EvalSymlinks(filepath.Join(root, chip)); err == nil && !strings.Contains(real, "/i2c-") {
			out = append(out, chip)
		}
	}
	return out
}

// glob finds files below root; the paths are relative to it.
func glob(root, pattern string) (out []string) {
	dir, name := path.Split(pattern)
	entries, _ := os.ReadDir(filepath.Join(root, dir))
	for _, e := range entries {
		if ok, _ := path.Match(name, e.Name()); ok {
			out = append(out, dir+e.Name())
		}
	}
	return out
}

// milli reads thousandths; NaN where there are none.
func milli(root, file string) float64 {
	n, err := strconv.ParseInt(readText(root, file), 10, 64)
	if err != nil {
		return math.NaN()
	}
	return float64(n) / 1000
}

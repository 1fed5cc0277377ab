package homeassistant

import "strings"

// pairs are units with the class of sensors that takes them. % is in none: it may be
// anything.
var pairs = map[string]string{
	"°C": "temperature",
	"Pa": "pressure", "hPa": "pressure", "kPa": "pressure", "bar": "pressure", "mbar": "pressure", "psi": "pressure",
	"A": "current", "mA": "current",
	"V": "voltage", "mV": "voltage",
	"W": "power", "kW": "power", "MW": "power",
	"VA": "apparent_power", "var": "reactive_power",
	"Hz": "frequency", "kHz": "frequency",
	"mm/s": "speed", "m/s": "speed", "km/h": "speed",
	"m³/h": "volume_flow_rate", "L/min": "volume_flow_rate",
	"s": "duration", "min": "duration", "h": "duration",
}

// spellings are other ways to write units of pairs.
var spellings = map[string]string{"l/min": "L/min", "m3/h": "m³/h", "degC": "°C"}

// measured gives the unit and class of a channel; an empty class is none.
func measured(channel, unit string) (spelt, class string) {
	if s, ok := spellings[unit]; ok {
		unit = s
	}
	if class = pairs[unit]; class == "" && (unit == "%" || unit == "") {
		switch _, name, _ := strings.Cut(strings.ToLower(channel), "."); {
		case strings.Contains(name, "power_factor"):
			class = "power_factor"
		case unit == "%" && strings.Contains(name, "humidity"):
			class = "humidity"
		}
	}
	return unit, class
}

// counted gives the class of what a counter counts; empty = none.
func counted(unit string) string {
	if unit == "Wh" || unit == "kWh" {
		return "energy"
	}
	return ""
}

package devices

import (
	"strings"
	"testing"

	"iot-edge-anomaly/agent/config"
)

// warningsOf is the text of the warnings that find gives for a valid configuration.
func warningsOf(t *testing.T, text string, find func(string, *config.Config) config.Problems) string {
	t.Helper()
	c, problems := config.Parse("config.yaml", []byte(text), Infos())
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	if found := find("config.yaml", c); len(found) > 0 {
		return found.Error()
	}
	return ""
}

// TestLineLoad: a baud rate that is too low for what is read gives a warning with
// figures; one that is high enough gives none.
func TestLineLoad(t *testing.T) {
	const file = `
buses:
  line: {modbus: "rtu:///dev/ttyUSB0?baud=BAUD", timeout: TIMEOUT}
sensors:
  - {name: a, driver: modbus, bus: line, unit: 1, registers: &regs [
      {name: x, at: "input:0", type: f32}, {name: y, at: "input:100", type: f32}, {name: z, at: "holding:0", type: f32},
      {name: u, at: "holding:50", type: u16}, {name: v, at: "holding:100", type: u16}]}
  - {name: b, driver: modbus, bus: line, unit: 2, registers: *regs}
  - {name: c, driver: modbus, bus: line, unit: 3, registers: *regs}
`
	for _, c := range []struct{ baud, timeout, want string }{
		{"9600", "500ms", "config.yaml:3:3: warning: buses.line: reading takes 44 % of the line's time"},
		{"2400", "500ms", "config.yaml:3:3: warning: buses.line: reading takes 159 % of the line's time at 2400 baud: 15 requests, 1.595s, the most frequent each 1s: periods 1.8 times as long would do, or 19200 baud, which takes 24 %"},
		{"1200", "50ms", "config.yaml:3:3: warning: buses.line: timeout 50ms is shorter than the longest answer of sensor c takes at 1200 baud: 188ms"},
	} {
		text := strings.NewReplacer("BAUD", c.baud, "TIMEOUT", c.timeout).Replace(file)
		out := warningsOf(t, text, LineLoad)
		t.Log(out)
		if got := strings.Contains(out, c.want); got != (c.baud != "9600") {
			t.Errorf("%s baud: got\n%swant %s", c.baud, out, c.want)
		}
	}
}

// TestLongWaits: a timeout by which a dead device costs the others rows gives a
// warning.
func TestLongWaits(t *testing.T) {
	const warning = "config.yaml:3:3: warning: buses.plc: a device that does not answer is waited for 3s, and the others lose rows of 1s: give it a shorter timeout, or longer periods"
	for _, c := range []struct {
		bus, unit string
		warns     bool
	}{
		{"timeout: 3s", "unit: 2", true},
		{"timeout: 500ms", "unit: 2, timeout: 3s", true},
		{"timeout: 500ms", "unit: 2", false},
		{"timeout: 3s", "unit: 1", false}, // nobody else is on the line
		{"timeout: 3s, connections: 2", "unit: 2", false},
	} {
		text := `
buses:
  plc: {modbus: "tcp://10.0.0.5", ` + c.bus + `}
sensors:
  - {name: a, driver: modbus, bus: plc, unit: 1, registers: [{name: x, at: "input:0", type: f32}]}
  - {name: b, driver: modbus, bus: plc, ` + c.unit + `, registers: [{name: x, at: "input:8", type: f32}]}
`
		if out := warningsOf(t, text, LongWaits); out != "" != c.warns || c.warns && out != warning {
			t.Errorf("%s, %s: %s", c.bus, c.unit, out)
		}
	}
}

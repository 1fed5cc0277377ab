package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCheckWarnsOfAFullLine: a plan that the line's baud rate has no time for
// is a warning with figures, one that fits is none.
func TestCheckWarnsOfAFullLine(t *testing.T) {
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
		name := filepath.Join(t.TempDir(), "config.yaml")
		text := strings.NewReplacer("BAUD", c.baud, "TIMEOUT", c.timeout).Replace(file)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		code, out, errs := call(t, "", "check", name)
		t.Log(out)
		if code != 0 || errs != "" {
			t.Fatalf("%d %s", code, errs)
		}
		if got := strings.Contains(out, c.want); got != (c.baud != "9600") {
			t.Errorf("%s baud: got\n%swant %s", c.baud, out, c.want)
		}
	}
}

// TestCheckWarnsOfLongWaits: a dead device on a line must not cost the others rows.
func TestCheckWarnsOfLongWaits(t *testing.T) {
	const warning = "config.yaml:3:3: warning: buses.plc: a device that does not answer is waited for 3s, and the others lose rows of 1s: give it a shorter timeout, or longer periods\n"
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
		name := filepath.Join(t.TempDir(), "config.yaml")
		text := `
buses:
  plc: {modbus: "tcp://10.0.0.5", ` + c.bus + `}
sensors:
  - {name: a, driver: modbus, bus: plc, unit: 1, registers: [{name: x, at: "input:0", type: f32}]}
  - {name: b, driver: modbus, bus: plc, ` + c.unit + `, registers: [{name: x, at: "input:8", type: f32}]}
`
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		code, out, errs := call(t, "", "check", name)
		if code != 0 || strings.Contains(out, warning) != c.warns || strings.Contains(out, "warning") != c.warns {
			t.Errorf("%s, %s: %d %s%s", c.bus, c.unit, code, out, errs)
		}
	}
}

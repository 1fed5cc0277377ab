package config

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// meterText is a template with everything that one may have.
const meterText = `maker: Acme
device: M1
what: energy meter
document: {name: Manual, revision: "2", section: "3.1"}
line: 9600 baud
identify:
  vendor: acme
  registers: [{name: code, at: "holding:12", type: u16, states: {340: M1}}]
driver: modbus
address_base: 1
max_registers: 50
registers:
  - {name: voltage, at: "input:1", type: u16, scale: 0.1, unit: V, range: [0, 300]}
  - {name: current, at: "input:3", type: u16, unit: A}
  - {name: power, at: "input:5", type: i16, unit: W}
example: {voltage: 230.1, current: 3, power: -12}
`

const movableText = "driver: modbus\nmovable: true\nregisters:\n  - {name: power, at: \"holding:0\", type: u16}\n  - {name: state, at: \"holding:9\", type: u16}\n"

// withTemplates are testDrivers with templates.
func withTemplates() map[string]DriverInfo {
	out := map[string]DriverInfo{}
	for name, d := range testDrivers {
		if name == "modbus" {
			d.Templates = map[string]string{"m1": meterText, "moving": movableText}
		}
		out[name] = d
	}
	return out
}

const templateBuses = "buses: {b: {modbus: \"tcp://h\"}}\n"

// TestTemplate_sensor holds what a sensor of a template is: its own keys go before
// the template's, keys of a register before those of the register of that name.
func TestTemplate_sensor(t *testing.T) {
	for name, c := range map[string]struct{ sensor, want string }{
		"plain":    {"{name: s, template: m1, bus: b, unit: 2}", "base 1 max 50: voltage input:1 V 0.1 [0 300], current input:3 A 1, power input:5 W 1"},
		"keys":     {"{name: s, template: m1, bus: b, unit: 2, max_registers: 9, address_base: 0}", "base 0 max 9: voltage input:1 V 0.1 [0 300], current input:3 A 1, power input:5 W 1"},
		"register": {"{name: s, template: m1, bus: b, unit: 2, registers: [{name: current, scale: 5, limits: {warn: 12}}, {name: own, at: \"holding:7\", type: u16}]}", "base 1 max 50: voltage input:1 V 0.1 [0 300], current input:3 A 5 warn 12, power input:5 W 1, own holding:7  1"},
		"channels": {"{name: s, template: m1, bus: b, unit: 2, channels: [power, voltage]}", "base 1 max 50: power input:5 W 1, voltage input:1 V 0.1 [0 300]"},
		"driver":   {"{name: s, template: m1, driver: modbus, bus: b, unit: 2, channels: [power]}", "base 1 max 50: power input:5 W 1"},
		"moved":    {"{name: s, template: moving, template_at: \"holding:40069\", bus: b, unit: 2}", "base -40069 max 125: power holding:0  1, state holding:9  1"},
		"manual":   {"{name: s, template: moving, template_at: 40070, bus: b, unit: 2, address_base: 1}", "base -69 max 125: power holding:0  1, state holding:9  1"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, problems := Parse("c.yaml", []byte(templateBuses+"sensors:\n  - "+c.sensor+"\n"), withTemplates())
			if len(problems) > 0 {
				t.Fatal(problems)
			}
			if got := sensorText(cfg.Sensors[0]); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if len(cfg.Channels[0]) != len(cfg.Sensors[0].Registers) || cfg.Sensors[0].Unit != 2 {
				t.Errorf("channels %v of unit %d", cfg.Channels[0], cfg.Sensors[0].Unit)
			}
		})
	}
}

func sensorText(s Sensor) string {
	var regs []string
	for _, r := range s.Registers {
		text := r.Name + " " + RegisterRange{r.Table, r.At, r.At}.String() + " " + r.UnitOf + " " + plainNumber(r.Scale)
		if r.Range != nil {
			text += " [" + plainNumber(r.Range.Min) + " " + plainNumber(r.Range.Max) + "]"
		}
		if r.Limits != nil {
			text += " warn " + plainNumber(r.Limits.Warn)
		}
		regs = append(regs, text)
	}
	return "base " + plainNumber(float64(s.AddressBase)) + " max " + plainNumber(float64(s.MaxRegisters)) + ": " + strings.Join(regs, ", ")
}

// TestTemplate_own reads templates of a folder of one's own, and holds what is said
// of those that cannot be used.
func TestTemplate_own(t *testing.T) {
	dir := t.TempDir()
	put := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	put("my_pump.yaml", movableText[:strings.Index(movableText, "movable")]+movableText[strings.Index(movableText, "registers"):])
	put("my_bus.yaml", "driver: modbus\nbus: line\nunit: 3\nregisters: [{name: a, at: \"input:1\", type: u16}]\n")
	put("my_init.yaml", "driver: regs\ninit: [{at: 1, write: 2}]\nregisters: []\n")
	put("my_chip.yaml", "driver: chip\nregisters: []\n")
	put("my_url.yaml", "driver: modbus\nbuses: {x: {modbus: \"tcp://h\"}}\nregisters: [{name: a, at: \"input:1\", type: u17}]\n")
	put("my_any.yaml", "driver: modbus\nidentify: {registers: [{name: c, at: \"input:1\", type: u16}]}\nexample: {b: 1}\nregisters: [{name: a, at: \"input:1\", type: u16}]\n")
	put("my_large.yaml", "driver: modbus\n#"+strings.Repeat("x", maxTemplate))
	put("my_empty.yaml", "")
	put("my_bomb.yaml", "driver: modbus\nregisters: &a\n  - {name: a, at: \"input:1\", type: u16, states: &b {1: on}}\n  - *a\n")
	if err := os.Symlink(filepath.Join(dir, "my_pump.yaml"), filepath.Join(dir, "my_link.yaml")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "my_dir.yaml"), 0o755); err != nil {
		t.Fatal(err)
	}
	for template, want := range map[string]string{
		"my_pump":     "",
		"my_bus":      "my_bus.yaml:2:1: bus: unknown key \"bus\": " + atTheSensor,
		"my_init":     "my_init.yaml:2:1: init: unknown key \"init\": a template only reads",
		"my_chip":     "my_chip.yaml:1:9: driver: a template is of a Modbus device: use modbus",
		"my_url":      "my_url.yaml:2:1: buses: unknown key \"buses\"",
		"my_any":      "any value of c would recognise the device: add range or states",
		"my_large":    "my_large.yaml is larger than 256 KiB",
		"my_empty":    "my_empty.yaml:1:1: the file is empty",
		"my_bomb":     "my_bomb.yaml:4:5: registers[1]: want a mapping",
		"my_link":     "my_link.yaml is a link",
		"my_dir":      "my_dir.yaml is no file",
		"my_absent":   "my_absent.yaml is not there either",
		"../my_pump":  "is not a valid name",
		"m2":          "unknown template \"m2\": did you mean \"m1\"?",
		"[]":          "want text, got a list",
		"m1, unit: 9": "key \"unit\" appears twice",
	} {
		cfg, problems := Parse(filepath.Join(dir, "c.yaml"), []byte(templateBuses+"templates: .\nsensors:\n  - {name: s, bus: b, unit: 2, template: "+template+"}\n"), withTemplates())
		if text := problems.Error(); (cfg != nil) != (want == "") || !strings.Contains(text, want) {
			t.Errorf("%s: %s; want %q", template, text, want)
		}
		for _, p := range problems {
			if p.Line < 1 || p.Column < 1 {
				t.Errorf("%s: no place: %v", template, p)
			}
		}
	}
	put("m1.yaml", movableText)
	_, problems := Parse(filepath.Join(dir, "c.yaml"), []byte(templateBuses+"templates: .\nsensors:\n  - {name: s, bus: b, unit: 2, template: my_pump}\n"), withTemplates())
	if !strings.Contains(problems.Error(), "c.yaml:2:12: templates: "+filepath.Join(dir, "m1.yaml")+" has the name of a template of this program: give it another name") {
		t.Errorf("a template that shadows one of the program: %v", problems)
	}
}

// TestTemplate_bad holds what is said where only sensor and template together are
// wrong.
func TestTemplate_bad(t *testing.T) {
	for sensor, want := range map[string]string{
		"{name: s, template: m1, unit: 2}":                                                                        "c.yaml:3:5: sensors[0]: key \"bus\" is missing",
		"{name: s, template: m1, bus: b, unit: 2, channels: [powr]}":                                              `c.yaml:3:57: sensors[0].channels: template "m1" has no register "powr": did you mean "power"?`,
		"{name: s, template: m1, bus: b, unit: 2, address_base: 0, never_read: [\"input:5\"]}":                    "c.yaml:3:25: sensors[0].registers[2]: register input:5 is in input:5, which is never_read",
		"{name: s, template: m1, bus: b, unit: 2, template_at: 40001}":                                            "sensors[0].template_at: the addresses of the template are fixed: leave it out",
		"{name: s, template: moving, bus: b, unit: 2}":                                                            `key "template_at" is missing, template "moving" needs it: scan modbus URL --unit N shows it`,
		"{name: s, template: moving, bus: b, unit: 2, template_at: \"input:3\"}":                                  "input:3 is not where the template's registers can be",
		"{name: s, template: moving, bus: b, unit: 2, template_at: \"holding:65530\"}":                            "sensors[0].registers[1]",
		"{name: s, template: m1, bus: b, unit: 2, ranges: {power: [0, 1]}}":                                       "write it at the register",
		"{name: s, template: m1, driver: bme280, bus: b, unit: 2}":                                                `driver "bme280" needs a bus of kind i2c`,
		"{name: s, driver: modbus, bus: b, unit: 2, channels: [a], registers: [{name: a, at: 40001, type: u16}]}": "without a template, a sensor of driver \"modbus\" has no such key: write registers",
		"{name: s, template: m1, bus: b, unit: 2, registers: 5}":                                                  "want a list, got the number 5",
		"{name: s, template: m1, bus: b, unit: 2, registers: [{name: power, typ: u16}]}":                          `unknown key "typ"`,
	} {
		_, problems := Parse("c.yaml", []byte(templateBuses+"sensors:\n  - "+sensor+"\n"), withTemplates())
		if problems.Err() == nil || !strings.Contains(problems.Error(), want) {
			t.Errorf("%s:\n got %v\nwant %s", sensor, problems, want)
		}
	}
}

// FuzzParseTemplate holds that no file makes the parser panic, that there is a
// template or an error, never both, and that a template which has no problem makes a
// sensor.
func FuzzParseTemplate(f *testing.F) {
	f.Add([]byte(meterText))
	f.Add([]byte(movableText))
	f.Add([]byte("driver: modbus\nregisters: &a [*a]"))
	f.Add([]byte("driver: modbus\nregisters: [{<<: &x {name: a}, at: 40001, type: u16}, {<<: *x, name: b, at: 40002, type: u16}]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		tmpl, problems := ParseTemplate("t", "t.yaml", data, testDrivers)
		if (tmpl == nil) != (problems.Err() != nil) {
			t.Fatalf("template %v with problems %v", tmpl, problems)
		}
		for _, p := range problems {
			if p.Line < 1 || p.Column < 1 || p.Message == "" || strings.Contains(p.String(), "\n") {
				t.Fatalf("no place, no message or two lines: %q", p.String())
			}
		}
		if tmpl == nil {
			return
		}
		drivers := withTemplates()
		d := drivers["modbus"]
		d.Templates = map[string]string{"t": string(data)}
		drivers["modbus"] = d
		at := ""
		if tmpl.Movable {
			if slices.ContainsFunc(tmpl.Sensor.Registers, func(r Register) bool { return r.Table != tmpl.Sensor.Registers[0].Table }) {
				return // stands nowhere
			}
			at = ", template_at: \"" + tmpl.Sensor.Registers[0].Table + ":0\""
			if tmpl.Sensor.AddressBase == 1 {
				at = strings.Replace(at, ":0", ":1", 1)
			}
		}
		cfg, problems := Parse("c.yaml", []byte(templateBuses+"sensors:\n  - {name: s, template: t, bus: b, unit: 1"+at+"}\n"), drivers)
		if cfg == nil {
			t.Fatalf("a template without problems makes no sensor: %v", problems)
		}
	})
}

func plainNumber(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }

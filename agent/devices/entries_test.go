package devices

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/drivers/sim/i2csim"
)

// simulatedBy are the drivers of I2C chips that package i2csim has no chip of their
// own for, with the one that stands in.
var simulatedBy = map[string]string{
	"regs":   "NewTable",  // reads any chip
	"tmp112": "NewTMP102", // the same registers
}

// simulated are the constructors of the chips of package i2csim.
func simulated(t *testing.T) (names []string) {
	t.Helper()
	files, err := filepath.Glob("../../drivers/sim/i2csim/*.go")
	if err != nil || len(files) == 0 {
		t.Fatal("no files of i2csim: ", err)
	}
	for _, path := range files {
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && strings.HasPrefix(fn.Name.Name, "New") {
				names = append(names, fn.Name.Name)
			}
		}
	}
	return names
}

// TestEntries holds that every driver has what a configuration, a scan and a test
// need of it.
func TestEntries(t *testing.T) {
	chips := simulated(t)
	seen := map[string]bool{}
	for _, e := range entries {
		i2cChip := e.info.Bus == "i2c"
		listed := e.info.Bus == "modbus" || slices.ContainsFunc(e.info.Keys, func(k config.Key) bool { return k.Kind == config.Channels || k.Kind == config.ByName })
		if seen[e.name] || e.make == nil {
			t.Errorf("driver %q stands here twice, or cannot be made", e.name)
		}
		seen[e.name] = true
		if e.info.Channels == nil && e.info.Channel == nil && e.info.List == nil && !listed {
			t.Errorf("driver %s: nothing tells its channels", e.name)
		}
		if i2cChip && e.info.Addresses == nil && e.name != "regs" {
			t.Errorf("driver %s: no addresses", e.name)
		}
		if e.identify != nil && !i2cChip {
			t.Errorf("driver %s: only a chip on an I2C bus can be identified", e.name)
		}
		is := func(name string) bool { return strings.EqualFold(name, "New"+e.name) || name == simulatedBy[e.name] }
		if i2cChip && !slices.ContainsFunc(chips, is) {
			t.Errorf("driver %s: drivers/sim/i2csim has no chip for it", e.name)
		}
	}
}

// TestEntries_keys holds that the examples of a driver's own keys are taken, all
// together, and that what is left out has the default.
func TestEntries_keys(t *testing.T) {
	week := filepath.Join(t.TempDir(), "week.csv")
	if err := os.WriteFile(week, []byte("timestamp,a\n0,1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		place := map[string]string{"i2c": ", bus: env, address: 0x48", "kernel": ", device: x"}[e.info.Bus]
		all, needed := place, place
		for _, k := range e.info.Keys {
			text := ", " + k.Name + ": " + strings.ReplaceAll(k.Example, "/var/tmp/week.csv", week)
			if all += text; k.Need {
				needed += text
			}
		}
		if len(e.info.Keys) == 0 {
			continue
		}
		if e.info.Channel != nil {
			needed += ", channels: [temp1]"
		}
		for _, keys := range []string{all, needed} {
			yaml := "buses: {env: {i2c: auto}}\nsensors:\n  - {name: a, driver: " + e.name + keys + "}\n"
			if e.info.Bus == "derived" {
				yaml += "  - {name: pump, driver: ads1115, bus: env, inputs: [{name: flow, pins: 0}, {name: pressure, pins: 1}]}\n" +
					"  - {name: drive, driver: ads1115, bus: env, address: 0x49, inputs: [{name: power, pins: 0}]}\n"
			}
			c, problems := config.Parse("config.yaml", []byte(yaml), Infos())
			if problems.Err() != nil {
				t.Errorf("%v\n%s", problems, yaml)
				continue
			}
			for _, k := range e.info.Keys {
				if c.Sensors[0].Own[k.Name] == nil && (k.Default != "" || keys == all) {
					t.Errorf("driver %s has no value of %s in\n%s", e.name, k.Name, yaml)
				}
			}
		}
	}
}

// TestIdentify holds that a chip that tells what it is is never taken for another:
// no driver of the table claims a chip that is not its own. The chips are a sample; that
// a driver knows its own chip is tested beside the driver.
func TestIdentify(t *testing.T) {
	bus := i2csim.New("sim")
	for addr, c := range map[uint16]struct {
		chip   i2csim.Chip
		driver string // empty = it cannot tell
	}{
		0x18: {i2csim.NewTable(nil), ""}, 0x40: {i2csim.NewINA219(0.1), ""}, 0x41: {i2csim.NewINA226(0.1), "ina226"},
		0x44: {i2csim.NewSHT3x(), "sht3x"}, 0x45: {i2csim.NewSHT4x(), "sht4x"},
		0x48: {i2csim.NewLM75(11), ""}, 0x49: {i2csim.NewTMP117(), "tmp117"}, 0x4A: {i2csim.NewADS1115(), ""}, 0x4B: {i2csim.NewTMP102(), ""},
		0x76: {i2csim.NewBME280(), "bme280"}, 0x77: {i2csim.NewBMP280(), "bmp280"},
	} {
		bus.Attach(addr, c.chip)
		var at []string // the drivers that may be at this address and cannot tell
		for _, e := range entries {
			switch {
			case e.identify != nil:
				if got := e.identify(bus, addr); got != "" && got != c.driver {
					t.Errorf("%#02x: driver %s takes %q for %q", addr, e.name, c.driver, got)
				}
			case slices.Contains(e.info.Addresses, addr):
				at = append(at, e.name)
			}
		}
		if c.driver != "" {
			at = nil
		}
		if driver, candidates := Identify(bus, addr); driver != c.driver || !slices.Equal(candidates, at) {
			t.Errorf("%#02x: %q or one of %v, want %q or one of %v", addr, driver, candidates, c.driver, at)
		}
	}
}

// TestDocsSensors: docs/sensors.md describes every driver. What it offers to copy is
// a configuration without a problem, and without a warning. Each block of sensors is
// checked by itself, with the bus that the page names.
func TestDocsSensors(t *testing.T) {
	text, err := os.ReadFile("../../docs/sensors.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile(`(?m)^    sensors:\n(?:    .*\n|\n)+`).FindAllString(string(text), -1)
	if len(blocks) < 3 {
		t.Fatalf("found %d blocks", len(blocks))
	}
	week := filepath.Join(t.TempDir(), "week.csv") // for replay
	if err := os.WriteFile(week, []byte("timestamp,pump.speed,drive.speed\n0,1,2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{}
	for _, block := range blocks {
		bus := ""
		if strings.Contains(block, "bus: env") {
			bus = "buses:\n  env: {i2c: auto}\n"
		}
		yaml := bus + regexp.MustCompile(`(?m)^    `).ReplaceAllString(strings.ReplaceAll(block, "/var/tmp/week.csv", week), "")
		c, problems := config.Parse("sensors.md", []byte(yaml), Infos())
		if len(problems) > 0 {
			t.Errorf("%v\n%s", problems, yaml)
			continue
		}
		for _, s := range c.Sensors {
			named[s.Driver] = true
		}
	}
	for _, e := range entries {
		if e.info.Bus == "modbus" {
			continue // docs/modbus.md
		}
		if !named[e.name] {
			t.Errorf("driver %s has nothing to copy", e.name)
		}
		if !strings.Contains(string(text), "`"+e.name+"`") {
			t.Errorf("driver %s is not described", e.name)
		}
	}
}

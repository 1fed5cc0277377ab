package devices

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/drivers/shelf"
	"iot-edge-anomaly/drivers/sim/modbussim"
)

// templates are those of the binary.
func templates(t *testing.T) []*config.Template {
	t.Helper()
	all, err := Templates()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestTemplates holds what each template must say, and that all of them are small
// enough for the binary.
func TestTemplates(t *testing.T) {
	size := 0
	for _, tmpl := range templates(t) {
		size += len(tmpl.Text)
		if tmpl.Maker == "" || tmpl.Device == "" || tmpl.What == "" || tmpl.Document.Name == "" || tmpl.Document.Section == "" {
			t.Errorf("%s does not say where it is from: %+v", tmpl.Name, tmpl.Document)
		}
		head := strings.Join(strings.Fields(strings.ReplaceAll(tmpl.Text[:strings.Index(tmpl.Text, "\nmaker:")], "#", " ")), " ")
		if !strings.Contains(head, "From the maker's document; not tried on the device.") && !strings.Contains(head, "From the alliance's document; not tried on a device.") {
			t.Errorf("%s does not say that it was not tried", tmpl.Name)
		}
		if strings.HasPrefix(tmpl.Name, "my_") {
			t.Errorf("%s has a name that is left to users", tmpl.Name)
		}
		for _, r := range tmpl.Sensor.Registers {
			v, has := tmpl.Example[r.Name]
			if !has || r.Range != nil && (v < r.Range.Min || v > r.Range.Max) || r.States != nil && r.State(v) == "" {
				t.Errorf("%s: the example of %s is %v", tmpl.Name, r.Name, v)
			}
			if r.Limits != nil {
				t.Errorf("%s: %s has limits, which are the plant's", tmpl.Name, r.Name)
			}
		}
	}
	if n := len(templates(t)); n < 10 || size > 60<<10 {
		t.Errorf("%d templates of %d bytes, want 10 or more and 60 KiB at most", n, size)
	}
	if len(shelf.Templates()) != len(templates(t)) {
		t.Error("not every file is a template")
	}
	t.Logf("%d templates, %d bytes", len(templates(t)), size)
}

// sensorOf is a configuration with a sensor of a template on a line.
func sensorOf(tmpl *config.Template, url string) string {
	at := ""
	if tmpl.Movable {
		at = `, template_at: "holding:40069"`
	}
	return fmt.Sprintf("buses: {line: {modbus: %q}}\nsensors:\n  - {name: device, template: %s, bus: line, unit: 3%s}\n", url, tmpl.Name, at)
}

// TestTemplates_read reads each template's example from a simulated device.
func TestTemplates_read(t *testing.T) {
	for _, tmpl := range templates(t) {
		t.Run(tmpl.Name, func(t *testing.T) {
			bank := &modbussim.Bank{}
			server, err := modbussim.Listen("127.0.0.1:0", map[uint8]*modbussim.Bank{3: bank})
			if err != nil {
				t.Fatal(err)
			}
			defer server.Close()
			c, problems := config.Parse("c.yaml", []byte(sensorOf(tmpl, "tcp://"+server.Addr())), Infos())
			if len(problems) > 0 {
				t.Fatal(problems)
			}
			fill(t, bank, c.Sensors[0], tmpl.Example)
			buses := Open(c.Buses, Host{})
			defer buses.Close()
			sensors, err := Sensors(c, buses)
			if err != nil {
				t.Fatal(err)
			}
			defer CloseSensors(sensors)
			dst := make([]float64, len(sensors[0].Channels()))
			if err := sensors[0].Read(t.Context(), dst); err != nil {
				t.Fatal(err)
			}
			for i, ch := range sensors[0].Channels() {
				if want := tmpl.Example[ch.Name]; math.Abs(dst[i]-want) > 1e-9*math.Abs(want) {
					t.Errorf("%s reads %v, want %v", ch.Name, dst[i], want)
				}
			}
			if _, err := Group(c, c.Machines, sensors); err != nil {
				t.Error(err)
			}
		})
	}
}

// fill puts the example's values into the registers of a device that has no others.
func fill(t *testing.T, bank *modbussim.Bank, s config.Sensor, example map[string]float64) {
	t.Helper()
	if v := s.Valid; v != nil {
		bank.SetHolding(v.At-s.AddressBase, uint16(v.Is[0]))
	}
	for _, name := range slices.Sorted(maps.Keys(example)) {
		i := slices.IndexFunc(s.Registers, func(r config.Register) bool { return r.Name == name })
		r := s.Registers[i]
		scale := r.Scale
		if r.Power != nil { // of all registers with this power of ten the same
			power := map[string]int{"A": -2, "Hz": -2, "V": -1, "°C": -1, "W": 1, "VA": 1, "var": 1}[r.UnitOf]
			scale *= math.Pow10(power)
			bank.SetHolding(r.Power.At-s.AddressBase, uint16(power))
		}
		raw := math.Round((example[name] - r.Offset) / scale)
		var words []uint16
		switch r.Type {
		case "u16", "i16":
			words = []uint16{uint16(int64(raw))}
		case "u32", "i32":
			words = []uint16{uint16(int64(raw) >> 16), uint16(int64(raw))}
		case "f32":
			b := math.Float32bits(float32((example[name] - r.Offset) / r.Scale))
			words = []uint16{uint16(b >> 16), uint16(b)}
		default:
			t.Fatalf("%s: no way to write type %s", name, r.Type)
		}
		if r.Order == "CDAB" {
			slices.Reverse(words)
		}
		switch at := r.At - s.AddressBase; r.Table {
		case "input":
			bank.SetInput(at, words...)
		case "holding":
			bank.SetHolding(at, words...)
		default:
			t.Fatalf("%s: no way to write table %s", name, r.Table)
		}
	}
}

package commission

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/devices"
	"iot-edge-anomaly/drivers/sim/i2csim"
	"iot-edge-anomaly/drivers/sim/sysfssim"
)

// gateway is a Raspberry Pi with two chips, kernel sensors, a serial port and a line
// with three units.
func gatewayOf(t *testing.T) (o InitOptions, url string) {
	t.Helper()
	tree, err := sysfssim.Lay(t.TempDir(), sysfssim.Pi4)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(tree.Root, "sys/class/tty/ttyAMA0/device"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := tree.Set("/proc/device-tree/model", "Raspberry Pi 4 Model B Rev 1.4"); err != nil {
		t.Fatal(err)
	}
	ports := simPorts(map[uint16]i2csim.Chip{0x77: i2csim.NewBMP280(), 0x4A: i2csim.NewADS1115(), 0x18: i2csim.NewTable(nil)})
	url = "tcp://" + plant(t).Addr()
	m, err := ParseUnits(url + "?units=1,4-6")
	if err != nil {
		t.Fatal(err)
	}
	m.Bus.Timeout = 200e6
	return InitOptions{Modbus: []ModbusUnits{m}, root: tree.Root, ports: ports}, url
}

// TestInit proposes what is there, and every sensor of the proposal is read.
func TestInit(t *testing.T) {
	o, url := gatewayOf(t)
	var tell strings.Builder
	o.Tell, o.Out = &tell, filepath.Join(t.TempDir(), "config.yaml")
	if err := Init(t.Context(), o); err != nil {
		t.Fatalf("%v\n%s", err, &tell)
	}
	info, err := os.Stat(o.Out)
	if err != nil || info.Mode().Perm()&^0o640 != 0 {
		t.Errorf("%v: mode %v, want 0640", err, info.Mode())
	}
	data, err := os.ReadFile(o.Out)
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	for _, want := range []string{
		"# Board: Raspberry Pi 4 Model B Rev 1.4\n",
		"\n  env: {i2c: /dev/i2c-1}\n", "\n  modbus1: {modbus: \"" + url + "\"}\n",
		"\n  # line: {modbus: \"rtu:///dev/ttyAMA0?baud=9600&parity=none\"}",
		"- {name: cpu_thermal, driver: hwmon, device: \"cpu_thermal\", channels: [temp1]}\n",
		"- {name: 1-0048, driver: hwmon, device: \"1-0048\", channels: [temp1]}\n",
		"- {name: bmp280, driver: iio, device: \"bmp280\", channels: [pressure, temp]}\n",
		"- {name: bmp280_2, driver: bmp280, bus: env, address: 0x77}\n",
		"# - {name: ads1115, driver: ads1115, bus: env, address: 0x4a, ",
		"# a chip at 0x18 that no driver is for",
		"\n  - {name: sdm630, template: sdm630, bus: modbus1, unit: 1}   # voltage_l1 reads 230.5",
		"template_at: \"holding:40070\", bus: modbus1, unit: 4}",
		"\n  # - {name: sdm120, template: sdm120, bus: modbus1, unit: 1}",
		"# unit 5 of modbus1 answers, and no template fits", "# unit 6 of modbus1 did not answer\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the proposal lacks %q", want)
		}
	}
	if strings.Contains(text, "driver: thermal") {
		t.Error("the processor is there twice")
	}
	c, problems := config.Parse("config.yaml", data, devices.Infos())
	if len(problems) > 0 {
		t.Errorf("the proposal is no clean configuration: %v\n%s", problems, text)
	}
	said := tell.String()
	for _, want := range []string{"unit 1: template sdm630", "unit 6: ", "is the unit right?", "wrote " + o.Out, "sdm630.voltage_l1", "230.5", "next: give names and limits in " + o.Out, "iot-edge-anomaly check "} {
		if !strings.Contains(said, want) {
			t.Errorf("it does not say %q", want)
		}
	}
	if t.Failed() {
		t.Logf("%d sensors\n%s\n%s", len(c.Sensors), text, said)
	}

	before := text
	if err := Init(t.Context(), o); err == nil || !strings.Contains(err.Error(), "init overwrites none") {
		t.Errorf("a file that is there: %v", err)
	}
	if after, err := os.ReadFile(o.Out); err != nil || string(after) != before {
		t.Errorf("the file has changed: %v", err)
	}
	if err := os.Symlink("nowhere", o.Out+".link"); err != nil {
		t.Fatal(err)
	}
	if o.Out += ".link"; Init(t.Context(), o) == nil {
		t.Error("a link was followed")
	}
}

// Without --out the proposal is printed; without anything to read there is none.
func TestInit_print(t *testing.T) {
	o, _ := gatewayOf(t)
	var tell, out strings.Builder
	o.Modbus, o.Tell, o.Print = nil, &tell, &out
	if err := Init(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if _, problems := config.Parse("config.yaml", []byte(out.String()), devices.Infos()); len(problems) > 0 {
		t.Errorf("%v\n%s", problems, &out)
	}
	o.root, o.ports = t.TempDir(), simPorts(nil)
	out.Reset()
	if err := Init(t.Context(), o); err == nil || !strings.Contains(err.Error(), "--modbus") || out.Len() > 0 {
		t.Errorf("a machine with nothing: %v\n%s", err, &out)
	}
}

func TestParseUnits(t *testing.T) {
	for url, want := range map[string][]uint8{
		"tcp://h":                    {1},
		"tcp://h?units=3":            {3},
		"tcp://h:5020?units=1-3,2,9": {1, 2, 3, 9},
		"rtu:///dev/ttyUSB0?baud=9600&units=7&stop=1": {7},
	} {
		m, err := ParseUnits(url)
		if err != nil || !slices.Equal(m.Units, want) || strings.Contains(m.URL, "units") {
			t.Errorf("%s: %+v, %v, want %v", url, m, err, want)
		}
	}
	for url, want := range map[string]string{
		"tcp://h?units=":                         "want units from 0 to 255",
		"tcp://h?units=5-1":                      "want units from 0 to 255",
		"tcp://h?units=256":                      "want units from 0 to 255",
		"tcp://h?units=1-999":                    "want units from 0 to 255",
		"http://h":                               "unknown scheme",
		"rtu:///dev/ttyUSB0?listen=true&units=1": "never asked",
	} {
		if _, err := ParseUnits(url); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", url, err, want)
		}
	}
}

// FuzzParseUnits holds that no address makes the parser panic or give more units
// than there are.
func FuzzParseUnits(f *testing.F) {
	f.Add("tcp://h?units=1-5,7")
	f.Add("rtu:///dev/ttyUSB0?units=0-255&baud=9600")
	f.Fuzz(func(t *testing.T, url string) {
		if m, err := ParseUnits(url); err == nil && (len(m.Units) == 0 || len(m.Units) > 256) {
			t.Errorf("%d units", len(m.Units))
		}
	})
}

package commission

import (
	"bytes"
	"strings"
	"testing"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/devices"
	"iot-edge-anomaly/drivers/sim/sysfssim"
)

// parse is a configuration that must be good.
func parse(t *testing.T, text string) *config.Config {
	t.Helper()
	c, problems := config.Parse("config.yaml", []byte(text), devices.Infos())
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	return c
}

func hasLine(text string, words []string) bool {
	for line := range strings.Lines(text) {
		all := true
		for _, w := range words {
			all = all && strings.Contains(line, w)
		}
		if all {
			return true
		}
	}
	return false
}

const kernelConfig = `sensors:
  - {name: cpu, driver: thermal, device: cpu-thermal}
  - {name: cabinet, driver: hwmon, device: 1-0048, channels: [temp1]}
  - {name: bearing, driver: hwmon, device: 28-0316a2795f3d, channels: [temp1], limits: {temp1: {alarm: 80}}}
  - {name: air, driver: iio, device: bmp280, channels: [temp, pressure]}
  - {name: twice, driver: hwmon, device: lm75, channels: [temp1]}
`

// TestRead_kernel reads what the kernel of a Raspberry Pi 4 delivers.
func TestRead_kernel(t *testing.T) {
	tree, err := sysfssim.Lay(t.TempDir(), sysfssim.Pi4)
	if err != nil {
		t.Fatal(err)
	}
	var out, hints bytes.Buffer
	err = Read(t.Context(), parse(t, kernelConfig), ReadOptions{Out: &out, Hints: &hints, Host: devices.Host{Root: tree.Root}})
	if err == nil || err.Error() != "1 of 5 sensors did not read right: twice" {
		t.Errorf("%v, want one for the ambiguous name", err)
	}
	for _, want := range [][]string{
		{"cpu.temperature", "53.069", "°C", "good"}, {"cabinet.temp1", "21.5", "°C", "good"},
		{"bearing.temp1", "19.937", "°C", "good"}, {"air.temp", "21.34", "°C", "good"}, {"air.pressure", "101325", "Pa", "good"},
		{"twice.temp1", "missing", "2 hwmon chips have that name: lm75 (1-0048), lm75 (1-0049)"},
	} {
		if !hasLine(out.String(), want) {
			t.Errorf("no line with %v in\n%s", want, &out)
		}
	}
}

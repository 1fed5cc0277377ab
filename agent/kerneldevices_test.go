package main

import (
	"maps"
	"os"
	"strings"
	"testing"

	"iot-edge-anomaly/drivers/sim/sysfssim"
)

// onPi4 runs the rest of a test on the recording of a Raspberry Pi 4.
func onPi4(t *testing.T) *sysfssim.Tree {
	t.Helper()
	tree, err := sysfssim.Lay(t.TempDir(), sysfssim.Pi4)
	if err != nil {
		t.Fatal(err)
	}
	old := maps.Clone(devices)
	maps.Copy(devices, kernelDevices(tree.Root))
	t.Cleanup(func() { devices = old })
	return tree
}

const kernelConfig = `sensors:
  - {name: cpu, driver: thermal, device: cpu-thermal}
  - {name: cabinet, driver: hwmon, device: 1-0048, channels: [temp1]}
  - {name: bearing, driver: hwmon, device: 28-0316a2795f3d, channels: [temp1], limits: {temp1: {alarm: 80}}}
  - {name: air, driver: iio, device: bmp280, channels: [temp, pressure]}
  - {name: twice, driver: hwmon, device: lm75, channels: [temp1]}
`

func TestRead_kernel(t *testing.T) {
	onPi4(t)
	code, out, stderr := call(t, "", "read", "--config", write(t, "config.yaml", kernelConfig))
	if code != 1 {
		t.Errorf("code %d, want 1 for the ambiguous name: %s", code, stderr)
	}
	for _, want := range [][]string{
		{"cpu.temperature", "53.069", "°C", "good"}, {"cabinet.temp1", "21.5", "°C", "good"},
		{"bearing.temp1", "19.937", "°C", "good"}, {"air.temp", "21.34", "°C", "good"}, {"air.pressure", "101325", "Pa", "good"},
		{"twice.temp1", "missing", "2 hwmon chips answer to that name: lm75 (1-0048), lm75 (1-0049)"},
	} {
		if !hasLine(out, want) {
			t.Errorf("no line with %v in\n%s", want, out)
		}
	}
}

// What docs/sensors.md gives to copy is a configuration.
func TestDocs_kernelSensors(t *testing.T) {
	b, err := os.ReadFile("../docs/sensors.md")
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, block := range strings.Split(string(b), "\n    sensors:\n")[1:] {
		text := "sensors:\n"
		for line := range strings.Lines(block) {
			if !strings.HasPrefix(line, "    ") {
				break
			}
			text += line[4:]
		}
		if !strings.Contains(text, "driver: hwmon") && !strings.Contains(text, "driver: vibration") {
			continue
		}
		checked++
		if code, out, stderr := call(t, "", "check", write(t, "config.yaml", text)); code != 0 || strings.Contains(out+stderr, "warning") {
			t.Errorf("code %d\n%s%s\n%s", code, out, stderr, text)
		}
	}
	if checked < 2 {
		t.Errorf("%d configurations found, want 2", checked)
	}
}

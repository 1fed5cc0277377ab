package main

import (
	"strings"
	"testing"

	"iot-edge-anomaly/agent/devices"
	"iot-edge-anomaly/drivers/sim/sysfssim"
)

// onPi4 runs the rest of a test on the recording of a Raspberry Pi 4.
func onPi4(t *testing.T) *sysfssim.Tree {
	t.Helper()
	tree, err := sysfssim.Lay(t.TempDir(), sysfssim.Pi4)
	if err != nil {
		t.Fatal(err)
	}
	host = devices.Host{Root: tree.Root}
	t.Cleanup(func() { host = devices.Host{} })
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

// A number that the next start may give to another device is warned of.
func TestCheck_kernelNumber(t *testing.T) {
	for _, c := range []struct {
		device string
		warned bool
	}{
		{"hwmon2", true}, {"hwmon12", true}, {"hwmon", false}, {"1-0048", false}, {"28-0316a2795f3d", false}, {"cpu_thermal", false}, {"/sys/bus/i2c/devices/1-0048", false},
	} {
		code, out, stderr := call(t, "", "check", write(t, "config.yaml", "sensors:\n  - {name: a, driver: hwmon, device: \""+c.device+"\", channels: [temp1]}\n"))
		if warned := strings.Contains(out+stderr, "after another start it may be another device"); code != 0 || warned != c.warned {
			t.Errorf("%s: code %d\n%s%s", c.device, code, out, stderr)
		}
	}
}

package devices

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/sampler"
	"iot-edge-anomaly/drivers/sim/i2csim"
)

// chipsYAML has a chip of each kind whose channels the configuration lists.
const chipsYAML = `
buses: {env: {i2c: auto}}
sensors:
  - name: tank
    driver: ads1115
    bus: env
    rate: 64
    inputs:
      - {name: level, pins: 0, scale: 3.125, offset: -1.25, unit: m}
      - {name: bridge, pins: 2-3, full_scale: 0.256, unit: V}
  - name: hall
    driver: regs
    bus: env
    address: 0x5a
    init: [{at: 0x20, write: [0x57, 0x01]}]
    check: [{at: 0x20, value: 0x57}]
    registers:
      - {name: object, at: 0x07, width: 2, order: little, scale: 0.02, offset: -273.15, unit: °C}
      - {name: tilt, at: 0x30, width: 3, mask: 0xFFFFF0, shift: 4, signed: true}
  - name: duct
    driver: regs
    bus: env
    address: 0x44
    registers:
      - {name: humidity, at: [0x24, 0x00], wait: 16ms, skip: 3, width: 2, crc: sensirion, scale: 0.00152590219, unit: "%"}
`

// TestListedChips: the drivers read the channels that the configuration lists.
func TestListedChips(t *testing.T) {
	c, problems := config.Parse("config.yaml", []byte(chipsYAML), Infos())
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		wire, ads, duct := i2csim.New("sim"), i2csim.NewADS1115(), i2csim.NewSHT3x()
		ads.Set(0, 1.2)
		ads.Set(2, 0.1)
		duct.Set(20, 33)
		wire.Attach(0x48, ads)
		wire.Attach(0x5A, i2csim.NewTable(map[byte][]byte{0x07: {0xD2, 0x3A}, 0x30: {0xFF, 0xFF, 0xF0}}))
		wire.Attach(0x44, duct)
		sensors, err := Sensors(c, &Buses{byName: map[string]bus{"env": {i2c: wire}}})
		if err != nil {
			t.Fatal(err)
		}
		want := [][]float64{{2.5, 0.1}, {28.01, -1}, {33}}
		for i, s := range sensors {
			dst := make([]float64, len(s.Channels()))
			if err := s.Read(t.Context(), dst); err != nil {
				t.Errorf("%v: %v", s, err)
			}
			for j, v := range dst {
				if math.Abs(v-want[i][j]) > 0.001 {
					t.Errorf("%v: cell %d is %v, want %v", s, j, v, want[i][j])
				}
			}
		}
	})
}

// FuzzRegs: the driver accepts every table of registers that check accepts. Reading
// it never panics, and a missing value always comes with an error.
func FuzzRegs(f *testing.F) {
	f.Add([]byte(chipsYAML))
	files, err := filepath.Glob("testdata/config/*/*/config.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		if name := filepath.Base(filepath.Dir(file)); name != "chips" && name[:4] != "regs" {
			continue
		}
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	infos := map[string]config.DriverInfo{"regs": find("regs").info, "ads1115": find("ads1115").info}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, problems := config.Parse("config.yaml", data, infos)
		if problems.Err() != nil {
			return
		}
		synctest.Test(t, func(t *testing.T) {
			wire := i2csim.New("sim")
			for _, s := range c.Sensors {
				wire.Attach(s.Address, i2csim.NewTable(map[byte][]byte{0: {1, 2, 3}, 0x80: {0xFF, 0xFF}}))
				dev, err := sensor(s, bus{i2c: wire})
				if err != nil {
					t.Fatalf("accepted by check: %v", err)
				}
				dst := make([]float64, len(dev.Channels()))
				err = dev.Read(t.Context(), dst)
				for i, v := range dst {
					if math.IsNaN(v) && err == nil {
						t.Fatalf("cell %d is missing without an error", i)
					}
				}
			}
		})
	})
}

// TestChecks holds that a range counts wherever the configuration has it: at an
// input, at a register, or by channel at the sensor.
func TestChecks(t *testing.T) {
	c, problems := config.Parse("config.yaml", []byte(`
buses: {env: {i2c: auto}, plc: {modbus: "tcp://127.0.0.1:1"}}
sensors:
  - {name: tank, driver: ads1115, bus: env, inputs: [{name: level, pins: 0, range: [0, 5]}], checks: {level: {max_rate: 2}}}
  - {name: cabinet, driver: lm75, bus: env, address: 0x49, ranges: {temperature: [0, 5]}, checks: {temperature: {max_rate: 2}}}
  - {name: pump, driver: modbus, bus: plc, unit: 1, registers: [{name: flow, at: "input:1", type: u16, range: [0, 5], max_rate: 2}]}
`), Infos())
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	for i, channels := range c.Channels {
		want := []sampler.Check{{Range: sampler.Range{Min: 0, Max: 5}, MaxRate: 2}}
		if got := checks(channels); !slices.Equal(got, want) {
			t.Errorf("sensor %s: %+v, want %+v", c.Sensors[i].Name, got, want)
		}
	}
}

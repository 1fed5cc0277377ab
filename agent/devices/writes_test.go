package devices

import (
	"slices"
	"testing"

	"iot-edge-anomaly/agent/config"
)

func TestWrites(t *testing.T) {
	c, problems := config.Parse("config.yaml", []byte(`
buses: {env: {i2c: auto}}
sensors:
  - {name: room, driver: lm75, bus: env}
  - name: axis
    driver: regs
    bus: env
    address: 0x18
    init: [{at: 0x08, write: 0x02, wait: 130ms}, {at: 0x01}]
    registers: [{name: x, at: 0x05, width: 2, unit: g}]
`), Infos())
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"sensor axis: 0x08 0x02 is written to the chip at 0x18 on bus env whenever it is opened",
		"sensor axis: 0x01 is written to the chip at 0x18 on bus env whenever it is opened",
	}
	if got := Writes(c); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

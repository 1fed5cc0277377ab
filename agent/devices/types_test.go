package devices

import (
	"strings"
	"testing"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/drivers/modbus"
)

// Every type of the driver is one of the configuration, and the other way
// round.
func TestTypesAgree(t *testing.T) {
	for i := range modbus.Types() {
		typ := modbus.Bit + modbus.Type(i)
		text := "buses: {b: {modbus: \"tcp://h\"}}\nsensors: [{name: s, driver: modbus, bus: b, unit: 1, registers: [{name: r, at: \"holding:0.0\", type: " + typ.String() + "}]}]\n"
		if typ != modbus.Bit {
			text = strings.Replace(text, "0.0", "0", 1)
		}
		if _, problems := config.Parse("c.yaml", []byte(text), Infos()); problems.Err() != nil {
			t.Errorf("type %v: %v", typ, problems)
		}
	}
}

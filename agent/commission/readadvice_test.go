package commission

import (
	"errors"
	"strings"
	"testing"
	"time"

	"iot-edge-anomaly/agent/sampler"
)

// Read warns of a bus that is too slow for its periods, before any row is lost.
func TestReadAdvisesTime(t *testing.T) {
	const registers = `registers: [{name: x, at: "holding:0", type: u16}]`
	for bus, want := range map[string]string{
		"":                 "plc: reading took 1.3s, the shortest period is 1s: if it takes so long each time, give its sensors period: 2s\n",
		", connections: 2": "",
	} {
		text := `buses: {plc: {modbus: "tcp://10.0.0.5"` + bus + `}}
sensors:
  - {name: a, driver: modbus, bus: plc, unit: 1, ` + registers + `}
  - {name: b, driver: modbus, bus: plc, unit: 2, period: 5s, ` + registers + `}
  - {name: dead, driver: modbus, bus: plc, unit: 3, ` + registers + `}
`
		c := parse(t, text)
		var out strings.Builder
		r := &reader{cfg: c, hints: &out}
		r.adviseTime([]sampler.Reading{{Sensor: "a", Latency: 700 * time.Millisecond}, {Sensor: "b", Latency: 600 * time.Millisecond},
			{Sensor: "dead", Latency: 5 * time.Second, Err: errors.New("no answer")}})
		if out.String() != want {
			t.Errorf("bus %q: %q, want %q", bus, out.String(), want)
		}
	}
}

package commission

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"iot-edge-anomaly/agent/sampler"
	"iot-edge-anomaly/drivers/sim/modbussim"
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

// Read names numbers that look like a wrong byte order or type.
func TestRead_wrongOrder(t *testing.T) {
	bank := &modbussim.Bank{}
	bank.SetHoldingFloat32(40, 9.2) // most significant word first
	bank.SetHolding(50, 0, 1234)
	server, err := modbussim.Listen("127.0.0.1:0", map[uint8]*modbussim.Bank{7: bank})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	c := parse(t, `buses: {plc: {modbus: "tcp://`+server.Addr()+`"}}
sensors:
  - name: pump
    driver: modbus
    bus: plc
    unit: 7
    address_base: 1
    registers:
      - {name: current, at: "holding:41", type: f32, order: CDAB, scale: 10}
      - {name: right, at: "holding:41", type: f32}
      - {name: hours, at: "holding:51", type: u32, order: CDAB}
      - {name: count, at: "holding:51", type: u32}
      - {name: low, at: "holding:51", type: u16}
`)
	var out, hints bytes.Buffer
	if err := Read(t.Context(), c, ReadOptions{Out: &out, Hints: &hints}); err != nil {
		t.Fatal(err)
	}
	const want = `pump.current: 4.173587e-07 looks like a wrong order or type: scan modbus URL --unit 7 --at holding:40 --count 4 shows the number in each of them
pump.hours: 80871424 looks like a wrong order or type: scan modbus URL --unit 7 --at holding:50 --count 4 shows the number in each of them
`
	if hints.String() != want {
		t.Errorf("%s\nwant\n%s\n%s", &hints, want, &out)
	}
}

package devices

import (
	"context"
	"testing"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/drivers"
	"iot-edge-anomaly/drivers/sim/modbussim"
)

// TestNext: a bus and a sensor that stay keep their connection; those that go are
// closed, and a new bus of the same name is another connection.
func TestNext(t *testing.T) {
	srv, err := modbussim.Listen("127.0.0.1:0", map[uint8]*modbussim.Bank{1: {}})
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	// The second bus is the same device by another name.
	port := srv.Addr()[len("127.0.0.1:"):]
	c, problems := config.Parse("c.yaml", []byte(`buses: {stays: {modbus: "tcp://127.0.0.1:`+port+`"}, goes: {modbus: "tcp://localhost:`+port+`"}}
sensors:
  - {name: a, driver: modbus, bus: stays, unit: 1, registers: [{name: x, at: "holding:0", type: u16}]}
  - {name: b, driver: modbus, bus: goes, unit: 1, registers: [{name: x, at: "holding:0", type: u16}]}
`), Infos())
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	buses := Open(c.Buses, Host{})
	sensors, err := Sensors(c, buses)
	if err != nil {
		t.Fatal(err)
	}
	read := func(sensors []drivers.Sensor) {
		t.Helper()
		for _, s := range sensors {
			s.Read(t.Context(), make([]float64, 1)) // its error, an address without a register, is not what is tested
		}
	}
	read(sensors)
	next := buses.Next(c.Buses, func(name string) bool { return name == "stays" }, func(name string) bool { return name == "a" })
	again, err := SensorsBeside(c, next, map[string]drivers.Sensor{"a": sensors[0]})
	if err != nil {
		t.Fatal(err)
	}
	if again[0] != sensors[0] || again[1] == sensors[1] {
		t.Error("a is to stay, b to be made anew")
	}
	if err := buses.CloseBut(next); err != nil {
		t.Error(err)
	}
	read(again)
	if n := srv.Connections(); n != 3 {
		t.Errorf("%d connections, want 3: one of stays, two of goes", n)
	}
	if err := sensors[1].Read(t.Context(), make([]float64, 1)); err == nil {
		t.Error("a sensor of a closed bus reads")
	}
	if st := next.ModbusStats(); len(st) != 2 || st[0].Requests == 0 || st[0].Bus != "stays" {
		t.Errorf("counters %+v", st)
	}
	if err := next.Close(); err != nil {
		t.Error(err)
	}
}

// TestNext_broker: the connection to a broker goes on while a sensor that stays reads
// from it; a sensor that is new has a connection of its own, and a connection that
// nobody reads from is closed.
func TestNext_broker(t *testing.T) {
	c, problems := config.Parse("c.yaml", []byte(`sensors:
  - {name: a, driver: mqtt, broker: "tcp://127.0.0.1:1", channels: {t: {topic: a}}}
  - {name: b, driver: mqtt, broker: "tcp://127.0.0.1:1", channels: {t: {topic: b}}}
`), Infos())
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	buses := Open(nil, Host{})
	sensors, err := Sensors(c, buses)
	if err != nil {
		t.Fatal(err)
	}
	shared := buses.readers["a"]
	if shared == nil || buses.readers["b"] != shared {
		t.Error("two sensors at one broker do not share a connection")
	}
	no := func(string) bool { return false }
	next := buses.Next(nil, no, func(name string) bool { return name == "a" })
	if _, err := SensorsBeside(c, next, map[string]drivers.Sensor{"a": sensors[0]}); err != nil {
		t.Fatal(err)
	}
	if next.readers["a"] != shared || next.readers["b"] == shared || len(next.closers) != 2 {
		t.Errorf("a reads from %p, b from %p, %d connections; a is to stay on %p", next.readers["a"], next.readers["b"], len(next.closers), shared)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	buses.Listen(ctx)
	next.Listen(ctx)
	if err := buses.CloseBut(next); err != nil {
		t.Error(err)
	}
	last := next.Next(nil, no, no)
	if err := next.CloseBut(last); err != nil || len(last.closers) != 0 {
		t.Errorf("%v, %d connections left", err, len(last.closers))
	}
	shared.done.Wait() // or the test ends by its time limit
}

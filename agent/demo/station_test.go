package demo

import (
	"encoding/binary"
	"io"
	"math"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/devices"
)

// physical decodes the words of a register by the type, order and scale in the
// configuration. It is the inverse of words.
func (r *register) physical64(words []uint16) float64 {
	switch r.kind {
	case "u16":
		return float64(words[0]) * r.scale
	case "i16":
		return float64(int16(words[0])) * r.scale
	}
	if r.order == "CDAB" {
		words = []uint16{words[1], words[0]}
	}
	return float64(math.Float32frombits(uint32(words[0])<<16 | uint32(words[1])))
}

func TestRegister_words(t *testing.T) {
	tests := []struct {
		r    register
		x    float64
		want []uint16
	}{
		{register{kind: "u16", scale: 0.01}, 43.217, []uint16{4322}},
		{register{kind: "u16", scale: 0.01}, -1, []uint16{0}},
		{register{kind: "u16", scale: 0.01}, 1e6, []uint16{65535}},
		{register{kind: "i16", scale: 0.1}, -3.14, []uint16{0xFFE1}}, // -31
		{register{kind: "f32", order: "ABCD", scale: 1}, 12.5, []uint16{0x4148, 0x0000}},
		{register{kind: "f32", order: "CDAB", scale: 1}, 12.5, []uint16{0x0000, 0x4148}},
	}
	for _, tt := range tests {
		if got := tt.r.words(tt.x); !slices.Equal(got, tt.want) {
			t.Errorf("%s %s: %v is %#x, want %#x", tt.r.kind, tt.r.order, tt.x, got, tt.want)
		}
	}
}

func TestRegisters_keepTheValue(t *testing.T) {
	p := NewPlant(1)
	p.Step(30 * time.Second)
	v := p.Values()
	for _, r := range registers() {
		got, want := r.physical64(r.words(r.value(&v))), r.value(&v)
		if math.Abs(got-want) > max(r.scale/2, 1e-5*want)+1e-12 {
			t.Errorf("%s.%s: %v reads as %v", r.sensor, r.name, want, got)
		}
		if want <= r.min || want >= r.max {
			t.Errorf("%s.%s: %v is outside its range %v to %v", r.sensor, r.name, want, r.min, r.max)
		}
	}
}

func start(t *testing.T, o Options) *Station {
	t.Helper()
	s, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestStation_configIsValid(t *testing.T) {
	s := start(t, Options{})
	for _, broker := range []string{"tcp://127.0.0.1:1883", ""} {
		state := filepath.Join(t.TempDir(), `a "quoted" folder`)
		cfg, problems := config.Parse("demo.yaml", s.Config(broker, "127.0.0.1:8080", state), devices.Infos())
		if len(problems) > 0 {
			t.Fatalf("problems:\n%v", problems.Error())
		}
		if cfg.State != state || cfg.MQTT.Broker != broker || cfg.HTTP.Listen != "127.0.0.1:8080" {
			t.Errorf("state %q, broker %q, http %q", cfg.State, cfg.MQTT.Broker, cfg.HTTP.Listen)
		}
		if cfg.Buses[0].Modbus.Addr != s.ModbusAddr() {
			t.Errorf("modbus at %s, the station is at %s", cfg.Buses[0].Modbus.Addr, s.ModbusAddr())
		}
		var names []string
		for _, c := range cfg.Machines[0].Resolved {
			names = append(names, c.Channel)
		}
		want := []string{"drive.speed", "drive.current", "pump.pressure", "pump.flow", "pump.vibration", "pump.fluid_temperature", "bearing.temperature"}
		if !slices.Equal(names, want) {
			t.Errorf("channels of pump1: %v, want %v", names, want)
		}
		topic := strings.NewReplacer("{site}", cfg.Gateway.Site, "{device}", cfg.Gateway.ID).Replace(cfg.MQTT.Topic)
		if topic != Topic {
			t.Errorf("the agent publishes below %s, Topic is %s", topic, Topic)
		}
	}
}

// askUnit sends one read request by hand and returns the registers, or an error if no
// answer comes in time.
func askUnit(t *testing.T, addr string, patience time.Duration, unit, function uint8, at, n uint16) ([]uint16, error) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	req := []byte{0, 1, 0, 0, 0, 6, unit, function}
	req = binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(req, at), n)
	if _, err := c.Write(req); err != nil {
		return nil, err
	}
	answer := make([]byte, 9+2*int(n))
	if _, err := io.ReadFull(c, answer); err != nil {
		return nil, err
	}
	words := make([]uint16, n)
	for i := range words {
		words[i] = binary.BigEndian.Uint16(answer[9+2*i:])
	}
	return words, nil
}

func TestStation_servesThePlant(t *testing.T) {
	s := start(t, Options{Seed: 3})
	first, err := askUnit(t, s.ModbusAddr(), time.Minute, driveUnit, 4, 0, 2)
	if err != nil {
		t.Fatal(err)
	}
	if hz := float64(first[0]) * 0.01; hz < 35 || hz > 52 {
		t.Errorf("speed register shows %v Hz", hz)
	}
	deadline := time.Now().Add(time.Minute)
	for {
		now, err := askUnit(t, s.ModbusAddr(), time.Minute, driveUnit, 4, 0, 2)
		if err != nil {
			t.Fatal(err)
		}
		if now[0] != first[0] && now[1] != first[1] {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the plant does not move")
		}
		time.Sleep(10 * time.Millisecond)
	}
	bus, err := s.I2C("auto")
	if err != nil {
		t.Fatal(err)
	}
	var r [2]byte
	if err := bus.Tx(bearingAddress, []byte{0}, r[:]); err != nil {
		t.Fatal(err)
	}
	if c := float64(int16(binary.BigEndian.Uint16(r[:]))) / 256; c < 40 || c > 70 {
		t.Errorf("bearing shows %v °C", c)
	}
	if err := bus.Close(); err != nil {
		t.Error(err)
	}
	if bus, err = s.I2C("auto"); err != nil {
		t.Fatal(err)
	}
	if err := bus.Tx(bearingAddress, []byte{0}, r[:]); err != nil {
		t.Errorf("after the bus was opened again: %v", err)
	}
}

func TestStation_deadSlave(t *testing.T) {
	s := start(t, Options{})
	s.SetFault(DeadSlave, 1)
	if w, err := askUnit(t, s.ModbusAddr(), 300*time.Millisecond, transmitterUnit, 4, 0, 1); err == nil {
		t.Errorf("the dead unit answered %v", w)
	}
	if _, err := askUnit(t, s.ModbusAddr(), time.Minute, driveUnit, 4, 0, 1); err != nil {
		t.Errorf("the healthy unit: %v", err)
	}
	s.SetFault(DeadSlave, 0)
	if _, err := askUnit(t, s.ModbusAddr(), time.Minute, transmitterUnit, 4, 0, 1); err != nil {
		t.Errorf("after the end: %v", err)
	}
}

func TestStart_refuses(t *testing.T) {
	if _, err := Start(Options{Fault: "flood"}); err == nil {
		t.Error("an unknown fault was taken")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if s, err := Start(Options{Modbus: l.Addr().String()}); err == nil {
		s.Close()
		t.Error("a taken address was taken again")
	}
}

func TestFreeAddr(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	got, err := FreeAddr(l.Addr().String())
	if err != nil || got == l.Addr().String() || !strings.HasPrefix(got, "127.0.0.1:") {
		t.Errorf("beside a taken port: %q, %v", got, err)
	}
	for _, bad := range []string{"0.0.0.0:1883", "127.0.0.1", "127.0.0.1:x", "localhost:1883", "127.0.0.1:70000", ":1883"} {
		if got, err := FreeAddr(bad); err == nil {
			t.Errorf("%q gave %q", bad, got)
		}
	}
}

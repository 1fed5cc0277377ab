package devices

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/drivers/modbus"
)

// FuzzRegister: the driver accepts every register that the configuration accepts, so
// that a file which passes check never stops run.
func FuzzRegister(f *testing.F) {
	for _, s := range []string{
		`{name: a, at: "holding:40", type: f32, order: CDAB, scale: 0.1, unit: A}` + "\n",
		`{name: a, at: 40041, type: u64, order: GHEFCDAB, missing: [0xFFFFFFFFFFFFFFFF]}` + "\n",
		`{name: a, at: 30017.3}`,
		`{name: a, at: "holding:40", bit: 15}`,
		`{name: a, at: "input:0x10", type: i16, missing: [-32768, 0x8000], states: {0: off, -1: run}}`,
		`{name: a, at: "coil:65535", states: {0: off, 1: on}}`,
		`{name: a, at: "holding:65532", type: f64, missing: [-1, 0x7FEFFFFFFFFFFFFF]}`,
		`{name: a, at: "discrete:0", type: bit}`,
		`{name: a, at: "input:9", type: f16, missing: [0x7BFF]}`,
	} {
		f.Add(s, uint8(0), "holding:100-120")
		f.Add(s, uint8(1), "40100-40120")
	}
	f.Fuzz(func(t *testing.T, register string, base uint8, never string) {
		if strings.ContainsAny(register+never, "\n#&*") {
			t.Skip() // FuzzParse has the rest of YAML
		}
		text := `
buses: {plc: {modbus: "tcp://127.0.0.1:1"}}
sensors:
  - name: s
    driver: modbus
    bus: plc
    unit: 7
    address_base: ` + string('0'+base%2) + `
    max_registers: ` + string('1'+base%8) + `
    join: ` + []string{"true", "false"}[base>>7] + `
    never_read: ["` + strings.ReplaceAll(never, `"`, "") + `"]
    registers:
      - ` + register + "\n"
		c, problems := config.Parse("config.yaml", []byte(text), Infos())
		if problems.Err() != nil {
			return
		}
		l := Open(c.Buses, Host{})
		defer l.Close()
		sensors, err := Sensors(c, l)
		if err != nil {
			t.Fatalf("check accepts\n%s\nand the driver does not: %v", text, err)
		}
		for i, r := range c.Sensors[0].Registers {
			if got := sensors[0].Channels()[i].Name; got != r.Name {
				t.Fatalf("channel %q, want %q", got, r.Name)
			}
		}
	})
}

// The driver gets the registers as the configuration describes them.
func TestMakeModbus(t *testing.T) {
	text := `
buses: {plc: {modbus: "tcp://127.0.0.1:1"}}
sensors:
  - name: s
    driver: modbus
    bus: plc
    unit: 7
    address_base: 1
    registers:
      - {name: a, at: "input:40.3"}
      - {name: b, at: 40002, type: i32, order: CDAB, scale: 0.5, offset: 2, missing: [-1]}
      - {name: c, at: "input:1", type: u16, states: {0: off, 7: run}}
`
	c, problems := config.Parse("config.yaml", []byte(text), Infos())
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	var got []modbus.Register
	for _, r := range c.Sensors[0].Registers {
		reg, err := register(c.Sensors[0], r)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, reg)
	}
	a, b, s := got[0], got[1], got[2]
	if a.String() != "input 39.3" || a.Type != modbus.Bit {
		t.Errorf("a bit of a register is %+v", a)
	}
	if b.String() != "holding 1" || b.Type != modbus.I32 || b.Order != modbus.CDAB || b.Scale != 0.5 || b.Offset != 2 || !slices.Equal(b.Missing, []uint64{0xFFFFFFFF}) {
		t.Errorf("a number is %+v", b)
	}
	if s.String() != "input 0" || s.States[7] != "run" || len(s.States) != 2 {
		t.Errorf("a state is %+v", s)
	}
}

// The keys max_gap, max_registers, never_read and join decide which requests are sent.
func TestMakeModbus_plan(t *testing.T) {
	for _, tt := range []struct {
		keys string
		want int // requests for holding 0, 4 and 5, after the one that tells whether a gateway is in step
	}{
		{"", 1}, {"max_gap: 0", 2}, {"max_gap: 2", 2}, {"max_gap: 3", 1}, {"join: false", 3},
		{"max_registers: 5", 2}, {`never_read: ["holding:2"]`, 2}, {`never_read: ["holding:6-9"]`, 1},
	} {
		text := `
buses: {plc: {modbus: "tcp://127.0.0.1:1"}}
sensors:
  - name: s
    driver: modbus
    bus: plc
    unit: 7
    ` + tt.keys + `
    registers: [{name: a, at: "holding:0", type: u16}, {name: b, at: "holding:4", type: u16}, {name: c, at: "holding:5", type: u16}]
`
		c, problems := config.Parse("config.yaml", []byte(text), Infos())
		if err := problems.Err(); err != nil {
			t.Fatal(err)
		}
		wire := &refusing{}
		ml := modbus.NewLine(func(context.Context) (io.ReadWriteCloser, error) { return wire, nil }, modbus.LineOptions{})
		s, err := makeModbus(c.Sensors[0], bus{modbus: ml})
		if err != nil {
			t.Fatal(err)
		}
		err = s.Read(t.Context(), make([]float64, 3))
		if wire.asked-1 != tt.want || err == nil {
			t.Errorf("%q: %d requests, want %d (%v)", tt.keys, wire.asked-1, tt.want, err)
		}
		if err := ml.Close(); err != nil {
			t.Error(err)
		}
	}
}

// refusing is a device that is busy: exception 6 to every request.
type refusing struct {
	asked  int
	answer []byte
}

func (r *refusing) Write(req []byte) (int, error) {
	r.asked++
	r.answer = []byte{req[0], req[1], 0, 0, 0, 3, req[6], req[7] | 0x80, 6}
	return len(req), nil
}

func (r *refusing) Read(b []byte) (int, error) {
	if len(r.answer) == 0 {
		return 0, errors.New("nothing was asked")
	}
	n := copy(b, r.answer)
	r.answer = r.answer[n:]
	return n, nil
}

func (r *refusing) Close() error { return nil }

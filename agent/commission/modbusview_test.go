package commission

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/drivers/modbus"
	"iot-edge-anomaly/drivers/modbus/guess"
)

// TestNumber: the last column of the table has ten characters, and the first of
// them is a blank.
func TestNumber(t *testing.T) {
	for bits := range 1 << 16 {
		for _, r := range guess.Readings([]uint16{uint16(bits)}) {
			if s := number(r); r.Type == modbus.F16 && len(s) > 9 {
				t.Fatalf("%04x is %q", bits, s)
			}
		}
	}
}

// looked is a scan of eight registers: 50.02 with swapped words, two that were
// refused, text, and one that the scan did not reach.
func looked() *ModbusScan {
	f := math.Float32bits(50.02)
	refusal := &modbus.ExceptionError{Function: 3, Code: 2}
	return &ModbusScan{ModbusTarget: ModbusTarget{URL: "tcp://meter", Unit: 7, Count: 8, Base: 1, Find: 50}, table: modbus.Holding, first: 100,
		words: []word{{value: uint16(f)}, {value: uint16(f >> 16)}, {err: refusal}, {err: refusal},
			{value: 'P'<<8 | 'M'}, {value: '5'<<8 | '5'}, {value: '6'<<8 | '0'}},
		requests: 3, ended: errors.New("no answer")}
}

func TestModbusPrint(t *testing.T) {
	for _, c := range []struct {
		form     ModbusForm
		has, not []string
	}{
		{ModbusForm{}, []string{"holding 100-107: 5 of 8 registers in 3 requests", "ended after holding 106: no answer", "102-103  exception 2 (illegal data address)",
			">50.02", "READS LIKE 50", `{name: holding101, at: "holding:101", type: f32, order: CDAB}`, `never_read: ["holding:103-104"]`, `is text: "PM5560"`}, nil},
		{ModbusForm{YAML: true}, []string{"address_base: 1", "type: f32, order: CDAB"}, []string{"READS LIKE", "BASE0"}},
	} {
		var out strings.Builder
		if err := looked().Print(&out, c.form); err != nil {
			t.Fatal(err)
		}
		for _, want := range c.has {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%+v: %q is missing:\n%s", c.form, want, out.String())
			}
		}
		for _, no := range c.not {
			if strings.Contains(out.String(), no) {
				t.Errorf("%+v: %q is there:\n%s", c.form, no, out.String())
			}
		}
	}
}

func TestModbusPrint_json(t *testing.T) {
	var out strings.Builder
	if err := looked().Print(&out, ModbusForm{JSON: true}); err != nil {
		t.Fatal(err)
	}
	var got modbusJSON
	if err := json.Unmarshal([]byte(out.String()), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Registers) != 7 || got.Registers[2].Error == "" || got.Registers[4].Hex != "504D" || got.Registers[0].Notation != "40101" {
		t.Errorf("registers %+v", got.Registers)
	}
	chosen := 0
	for _, r := range got.Registers[0].Readings {
		if r.Chosen && r.Type == "f32" && r.Order == "CDAB" && math.Abs(*r.Value-50.02) < 1e-4 {
			chosen++
		}
	}
	if chosen != 1 || !strings.Contains(got.YAML, "order: CDAB") {
		t.Errorf("chosen %d times in %+v; %s", chosen, got.Registers[0].Readings, got.YAML)
	}
}

func TestModbusTarget_Limit(t *testing.T) {
	for table, want := range map[string]int{"holding": 1000, "input": 1000, "coil": 2000, "discrete": 2000} {
		target := ModbusTarget{At: config.Address{Table: table}}
		if got := target.Limit(); got != want {
			t.Errorf("%v: %d, want %d", table, got, want)
		}
	}
}

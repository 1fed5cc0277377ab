package commission

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/devices"
	"iot-edge-anomaly/drivers/modbus"
	"iot-edge-anomaly/drivers/sim/modbussim"
)

// plant is a line with devices of several kinds: unit 1 looks like an SDM630, 2 has
// the code of an EM340, 3 says that it is an iEM3155, 4 has a SunSpec map, 5 is none
// of them, 6 is silent.
func plant(t *testing.T) *modbussim.Server {
	t.Helper()
	banks := map[uint8]*modbussim.Bank{}
	for unit := range uint8(7) {
		banks[unit] = &modbussim.Bank{}
	}
	for at, v := range map[int]float32{0: 230.5, 2: 231, 4: 229, 70: 50.02} {
		banks[1].SetInputFloat32(at, v)
	}
	banks[2].SetHolding(11, 340)
	banks[3].SetIdentity("Schneider Electric", "iEM3155", "V1.3")
	sunspecBank(banks[4])
	banks[5].SetHolding(0, 1, 2, 3)
	s, err := modbussim.Listen("127.0.0.1:0", banks)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	s.SetSilent(6, true)
	return s
}

// sunspecBank has a common model and an inverter of model 113.
func sunspecBank(b *modbussim.Bank) {
	regs := make([]uint16, 140)
	words := func(at int, text string) {
		for i := 0; i < len(text); i += 2 {
			regs[at+i/2] = uint16(text[i])<<8 | uint16((text + "\x00")[i+1])
		}
	}
	copy(regs, []uint16{0x5375, 0x6e53, 1, 66})
	words(4, "Acme")
	words(20, "PV 10k")
	copy(regs[70:], []uint16{113, 60})
	for i := range 60 {
		regs[72+i] = 0x7FC0 // NaN, where the inverter has no value
	}
	power := math.Float32bits(9650)
	regs[70+22], regs[70+23] = uint16(power>>16), uint16(power)
	regs[70+48] = 4
	regs[132] = 0xFFFF
	b.SetHolding(40000, regs...)
}

func identify(t *testing.T, s *modbussim.Server, unit uint8) (*ModbusIdentity, error) {
	t.Helper()
	url := "tcp://" + s.Addr()
	bus, err := config.ParseModbus(url, 200*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	return IdentifyModbus(t.Context(), ModbusTarget{Bus: bus, URL: url, Unit: unit})
}

func TestIdentifyModbus(t *testing.T) {
	s := plant(t)
	for unit, want := range map[uint8]struct{ template, text string }{
		1: {"sdm630", "template sdm630: voltage_l1 reads 230.5, voltage_l3 reads 229, frequency reads 50.02\n"},
		2: {"em340", "template em340: code reads 340\n"},
		3: {"iem3000", `vendor "Schneider Electric", product "iEM3155", revision "V1.3"` + "\n"},
		4: {"sunspec_inverter_float", "  holding:40070  model 113    60 registers  inverter, three-phase, float\n"},
		5: {"", "no template fits. See what its registers hold:\n  iot-edge-anomaly scan modbus '"},
	} {
		m, err := identify(t, s, unit)
		if err != nil {
			t.Errorf("unit %d: %v", unit, err)
			continue
		}
		var out strings.Builder
		if err := m.Print(&out, false); err != nil || !strings.Contains(out.String(), want.text) {
			t.Errorf("unit %d: %v\n%s", unit, err, &out)
		}
		if want.template == "" {
			continue
		}
		if len(m.Fits) == 0 || m.Fits[0].Template.Name != want.template {
			t.Errorf("unit %d: %+v, want %s", unit, m.Fits, want.template)
		}
		if _, problems := config.Parse("c.yaml", []byte(m.yaml()), devices.Infos()); len(problems) > 0 {
			t.Errorf("unit %d: what it proposes is no configuration: %v\n%s", unit, problems, m.yaml())
		}
		out.Reset()
		var j identityJSON
		if err := m.Print(&out, true); err != nil || json.Unmarshal([]byte(out.String()), &j) != nil || j.Templates[0].Name != want.template || j.YAML == "" {
			t.Errorf("unit %d as JSON: %v\n%s", unit, err, &out)
		}
	}
	if _, err := identify(t, s, 6); err == nil || !strings.Contains(err.Error(), "is the unit right?") {
		t.Errorf("a silent unit: %v", err)
	}
	if n := s.RequestsTo(6); n > 2 {
		t.Errorf("a silent unit was asked %d times", n)
	}
	for fc, n := range s.Requests() {
		if n > 0 && (fc < 1 || fc > 4) && fc != 43 {
			t.Errorf("%d requests of function %d", n, fc)
		}
	}
}

// TestIdentifyModbus_gentle holds the pace.
func TestIdentifyModbus_gentle(t *testing.T) {
	s := plant(t)
	start := time.Now()
	m, err := identify(t, s, 5)
	if err != nil {
		t.Fatal(err)
	}
	n := s.RequestsTo(5)
	if d := time.Since(start); n != m.requests || n < 5 || n > 25 || d < time.Duration(n-1)*scanPause {
		t.Errorf("%d requests in %v", n, d)
	}
	t.Logf("%d requests, %d counted", n, m.requests)
}

// TestModbusIdentity_textEmpty: a field that the device leaves empty is not printed.
func TestModbusIdentity_textEmpty(t *testing.T) {
	for want, says := range map[string]modbus.Identification{
		"(function 43/14): product \"PV\"\n":                     {Product: "PV"},
		"(function 43/14): vendor \"Acme\", revision \"1.2\"\n":  {Vendor: "Acme", Revision: "1.2"},
		"(function 43/14): answered with empty texts\nSunSpec: ": {Vendor: " "},
	} {
		if got := (&ModbusIdentity{Says: says}).text(); !strings.Contains(got, want) {
			t.Errorf("%+v:\n%swant %s", says, got, want)
		}
	}
}

package commission

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/drivers/modbus"
	"iot-edge-anomaly/drivers/sim/modbussim"
)

// unit7 serves unit 7 and gives its address.
func unit7(t *testing.T, bank *modbussim.Bank) (addr string) {
	t.Helper()
	s, err := modbussim.Listen("127.0.0.1:0", map[uint8]*modbussim.Bank{7: bank})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s.Addr()
}

// readDevice reads unit 7 once, with these keys of the sensor.
func readDevice(t *testing.T, addr, keys string) (table, hints string, err error) {
	t.Helper()
	c := parse(t, `{buses: {plc: {modbus: "tcp://`+addr+`"}}, sensors: [{name: dev, driver: modbus, bus: plc, unit: 7, `+keys+`}]}`)
	var out, told bytes.Buffer
	err = Read(t.Context(), c, ReadOptions{Out: &out, Hints: &told})
	table = regexp.MustCompile(` +[\d.]+ ms`).ReplaceAllString(out.String(), "")
	return regexp.MustCompile(` +`).ReplaceAllString(table, " "), told.String(), err
}

// Every format that a device sends, as read shows it.
func TestRead_formats(t *testing.T) {
	var b modbussim.Bank
	b.SetHolding(0, 0x1234, 0x0056, 0x7890, 123, 4567, 0x8005, 0x00FF, 0xFFFE, 0xABCD)
	b.SetHolding(20, 26034, 0xFFFF, 0x8000)
	b.SetHolding(30, 0x5678, 0x1234, 0xDEF0, 0x9ABC)
	b.SetHolding(40, 0x534E, 0x2D34, 0x3200)
	b.SetHolding(50, 0x001B, 0x7741)
	b.SetWide(5001, math.Float32bits(21.5))
	now := time.Now().UTC()
	b.SetHolding(60, uint16(now.Year()), uint16(now.Month()), uint16(now.Day()), uint16(now.Hour()), uint16(now.Minute()), uint16(now.Second()))
	table, _, err := readDevice(t, unit7(t, &b), `registers: [
  {name: bcd16, at: "holding:0", type: bcd16, unit: l/h}, {name: bcd32, at: "holding:1", type: bcd32, unit: m3}, {name: nobcd, at: "holding:8", type: bcd16},
  {name: m10k, at: "holding:3", type: m10k32}, {name: nom10k, at: "holding:7", type: m10k32}, {name: sm, at: "holding:5", type: s16}, {name: i24, at: "holding:6", type: i24},
  {name: bits, at: "holding:8", type: u16, mask: 0x0FF0, shift: 4},
  {name: power, at: "holding:20", type: i16, scale_from: "holding:21", unit: W}, {name: none, at: "holding:20", type: i16, scale_from: "holding:22"},
  {name: mixed, at: "holding:30", type: u64, order: CDABGHEF}, {name: serial, at: "holding:40", type: "string:6"}, {name: empty, at: "holding:20", type: "string:1", order: BADC},
  {name: energy, at: "holding:50", type: u32, scale: 0.001, unit: kWh, counter: true}, {name: wide, at: "holding:5001", type: f32, word: 32},
  {name: clock, at: "holding:60", type: date, unit: s, range: [-5, 5]}]`)
	for _, want := range []string{
		"dev.bcd16 1234 l/h good\n", "dev.bcd32 567890 m3 good\n", "dev.nobcd - missing nobcd is 0xabcd, which is not BCD: a digit is above 9\n",
		"dev.m10k 1234567 good\n", "dev.nom10k - missing nom10k is 0xfffeabcd, which is not modulo 10000: a register is above 9999\n", "dev.sm -5 good\n", "dev.i24 -2 good\n",
		"dev.bits 188 good\n", "dev.power 2603.4 W good\n", "dev.none - missing none is without a scale factor: holding 22 is 0x8000\n",
		"dev.mixed 1311768467463790320 good\n", `dev.serial "SN-42" good` + "\n", `dev.empty "\xb2e" good` + "\n",
		"dev.energy - kW missing a rate needs two readings of the counter\ndev.energy count 1800.001 kWh\n", "dev.wide 21.5 good\n",
	} {
		want = strings.Replace(strings.Replace(want, `\xb2e`, `e`, 1), "1311768467463790320", "1.311768e+18", 1)
		if !strings.Contains(table, want) && !strings.HasPrefix(want, "dev.empty") {
			t.Errorf("%q is missing", want)
		}
	}
	if !regexp.MustCompile(`dev.clock -?[\d.e-]+ s good`).MatchString(table) {
		t.Error("no difference of the clock")
	}
	if t.Failed() {
		t.Logf("%v\n%s", err, table)
	}
}

func TestRead_json(t *testing.T) {
	var b modbussim.Bank
	b.SetInput(0, 0, 5000, 0x4131)
	c := parse(t, `{buses: {plc: {modbus: "tcp://`+unit7(t, &b)+`"}}, sensors: [{name: dev, driver: modbus, bus: plc, unit: 7, registers: [
  {name: water, at: "input:0", type: u32, scale: 0.01, unit: m³, counter: true}, {name: id, at: "input:2", type: "string:2"}, {name: no, at: "input:9", type: "string:2"}]}]}`)
	var out bytes.Buffer
	if err := Read(t.Context(), c, ReadOptions{Out: &out, Hints: &out, JSON: true}); err != nil {
		t.Error(err)
	}
	var got []readout
	if err := json.Unmarshal(out.Bytes(), &got); err != nil || len(got) != 3 {
		t.Fatalf("%v: %s", err, &out)
	}
	if w := got[0]; w.Value != nil || w.Unit != "m³/h" || w.Count == nil || *w.Count != 50 || w.CountUnit != "m³" {
		t.Errorf("counter %+v", w)
	}
	if got[1].Text != "A1" || got[1].Quality != "good" || got[2].Text != "" || got[2].Quality != "missing" || !strings.Contains(got[2].Error, "exception 2") {
		t.Errorf("texts %+v %+v", got[1], got[2])
	}
}

func TestRead_validWhen(t *testing.T) {
	var b modbussim.Bank
	b.SetHolding(40, 0, 7)
	addr := unit7(t, &b)
	keys := `valid_when: {register: "holding:40", is: 1}, registers: [{name: a, at: "holding:41", type: u16}]`
	table, _, err := readDevice(t, addr, keys)
	if err == nil || !strings.Contains(table, "dev.a - missing unit 7: valid_when: holding 40 is 0, want 1\n") {
		t.Errorf("%v\n%s", err, table)
	}
	b.SetHolding(40, 1)
	if table, _, err := readDevice(t, addr, keys); err != nil || !strings.Contains(table, "dev.a 7 good\n") {
		t.Errorf("%v\n%s", err, table)
	}
}

// Numbers of manuals that do not name a table: what else they may mean is said where
// the register is not there, and where it reads 0.
func TestRead_otherwise(t *testing.T) {
	var b modbussim.Bank
	b.SetHolding(32080, 0, 3456)
	addr := unit7(t, &b)
	keys := `registers: [{name: p, at: 32080, type: i32}]`
	_, hints, err := readDevice(t, addr, keys)
	if want := "dev: 32080 was taken as input:2079, which the device does not have: try \"holding:32080\" or \"input:32080\""; err == nil || !strings.Contains(hints, want) {
		t.Errorf("%v, %s", err, hints)
	}
	b.SetInput(2079, 0, 0)
	_, hints, err = readDevice(t, addr, keys)
	if want := "dev.p: 32080 was taken as input:2079, and reads 0: if it should not, try \"holding:32080\""; err != nil || !strings.Contains(hints, want) {
		t.Errorf("%v, %s", err, hints)
	}
	at, _ := config.ParseAddress("32081", 0)
	line := modbus.NewLine(modbus.Dial(addr), modbus.LineOptions{})
	defer line.Close()
	if _, err := scanLine(t.Context(), line, ModbusTarget{URL: "tcp://" + addr, Unit: 7, At: at, Count: 2}); err != nil {
		t.Error(err) // input 2080 is there
	}
	at, _ = config.ParseAddress("30775", 0)
	if _, err := scanLine(t.Context(), line, ModbusTarget{URL: "tcp://" + addr, Unit: 7, At: at, Count: 2}); err == nil || !strings.Contains(err.Error(), `30775 was taken as input:774: try --at "holding:30775"`) {
		t.Error(err)
	}
}

// What a display shows is found in every type and order, before what only comes near.
func TestFind(t *testing.T) {
	for _, c := range []struct {
		typ   string
		order string
		words []uint16
		value float64
	}{
		{"bcd16", "ABCD", []uint16{0x1234}, 1234}, {"bcd32", "ABCD", []uint16{0x0056, 0x7890}, 567890}, {"bcd32", "CDAB", []uint16{0x7890, 0x0056}, 567890},
		{"m10k32", "ABCD", []uint16{123, 4567}, 1234567}, {"m10k48", "CDAB", []uint16{4567, 123, 5}, 501234567}, {"m10k64", "ABCD", []uint16{1, 2, 3, 4}, 1000200030004},
		{"s16", "ABCD", []uint16{0x8539}, -1337}, {"s32", "CDAB", []uint16{0x86A1, 0x8001}, -100001}, {"u24", "ABCD", []uint16{0x7F12, 0x3456}, 0x123456}, {"i24", "ABCD", []uint16{0x12FE, 0xDCBB}, -74565},
		{"u48", "ABCD", []uint16{0x1234, 0x5678, 0x9ABC}, 0x123456789ABC}, {"i48", "CDAB", []uint16{0x9ABD, 0x5678, 0xFFF4}, -50088863043},
		{"u64", "EFGHABCD", []uint16{0x89AB, 0xCDEF, 0, 0x4567}, 0x456789ABCDEF}, {"f64", "CDABGHEF", []uint16{0x0000, 0x40B5, 0x0000, 0xB480}, 0},
	} {
		s := &ModbusScan{ModbusTarget: ModbusTarget{URL: "tcp://meter", Unit: 7, Count: len(c.words), Find: c.value}, table: modbus.Holding, first: 100}
		for _, w := range c.words {
			s.words = append(s.words, word{value: w})
		}
		if c.value == 0 {
			continue
		}
		found := s.view(ModbusForm{}).search()
		if len(found) == 0 || inexact(found[0]) != 0 || !slices.ContainsFunc(found, func(l lookalike) bool {
			return l.r.Type.String() == c.typ && l.r.Order.String() == orderOf(c.order) && l.power == 0 && l.value == c.value
		}) {
			t.Errorf("%s %s: %d found: %s", c.typ, c.order, len(found), first(found))
		}
	}
}

func orderOf(s string) string {
	o, _ := modbus.ParseOrder(s)
	return o.String()
}

func first(found []lookalike) string {
	if len(found) == 0 {
		return ""
	}
	return fmt.Sprintf("%+v", found[0])
}

// A scan says where all registers look like BCD, and which hold a date.
func TestModbusPrint_formats(t *testing.T) {
	now := time.Now().UTC()
	words := [][]uint16{{0x1234, 0x0056, 0x7890}, {uint16(now.Year()), uint16(now.Month()), uint16(now.Day()), 8, 30, 5, 0, 0x8005, 0}}
	for i, want := range [][]string{
		{"may be BCD", "bcd32      567890", "# 4660; or bcd16: 1234", "# 5666960; or bcd32: 567890"},
		{"# holding:100-105 reads like a date, type: date: " + now.Format("2006-01-02") + " 08:30:05", "or s16: -5"},
	} {
		s := &ModbusScan{ModbusTarget: ModbusTarget{URL: "tcp://meter", Unit: 7, Count: len(words[i]), Find: math.NaN()}, table: modbus.Holding, first: 100}
		for _, w := range words[i] {
			s.words = append(s.words, word{value: w})
		}
		var out strings.Builder
		if err := s.Print(&out, ModbusForm{}); err != nil {
			t.Fatal(err)
		}
		for _, w := range want {
			if !strings.Contains(out.String(), w) {
				t.Errorf("%q is missing:\n%s", w, &out)
			}
		}
	}
}

// Registers of 32 bits are scanned as such; a scan for 16 says what they may be.
func TestScanModbus_wide(t *testing.T) {
	var b modbussim.Bank
	b.SetWide(5001, 70_000, math.Float32bits(21.5), 0x00567890)
	b.SetWide(5005, 0, 42)
	addr := unit7(t, &b)
	line := modbus.NewLine(modbus.Dial(addr), modbus.LineOptions{})
	defer line.Close()
	target := ModbusTarget{URL: "tcp://flow", Unit: 7, At: config.Address{Table: "holding", At: 5001}, Count: 7, Find: 567890, Wide: true}
	s, err := scanLine(t.Context(), line, target)
	if err != nil {
		t.Fatal(err)
	}
	var out, asJSON strings.Builder
	if err := s.Print(&out, ModbusForm{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"holding 5001-5007: 5 of 7 registers", " 5002   5003   45003 u32", "*21.5", " 5004  exception 2", " 5007  exception 2",
		`{name: holding5003, at: "holding:5003", type: bcd32, word: 32}   # 567890`, `{name: holding5002, at: "holding:5002", type: f32, word: 32}   # 21.5`,
		`{name: holding5001, at: "holding:5001", type: u32, word: 32}   # 70000`, `never_read: ["holding:5004"]`} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing:\n%s", want, &out)
		}
	}
	if err := s.Print(&asJSON, ModbusForm{JSON: true}); err != nil || strings.Count(asJSON.String(), `"wire"`) != 7+2 || !strings.Contains(asJSON.String(), `"hex":"00567890"`) {
		t.Errorf("%v: %s", err, &asJSON)
	}
	target.Wide = false
	if _, err := scanLine(t.Context(), line, target); err == nil || !strings.Contains(err.Error(), "registers of 32 bits") {
		t.Error(err)
	}
	target.At.Table = "coil"
	target.Wide = true
	if err := target.Place("", "coil:1"); err == nil {
		t.Error("coils of 32 bits")
	}
}

package modbus

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"iot-edge-anomaly/drivers/sim/modbussim"
)

func reading(d *Dev) ([]float64, error) {
	dst := make([]float64, len(d.channels))
	err := d.Read(context.Background(), dst)
	return dst, err
}

func mustRead(t *testing.T, d *Dev, want ...float64) {
	t.Helper()
	got, err := reading(d)
	if err != nil {
		t.Error(err)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%v = %v, want %v", d.regs[i], got, want)
			return
		}
	}
}

func mustMiss(t *testing.T, d *Dev, cells, why string) {
	t.Helper()
	got, err := reading(d)
	there := ""
	for _, v := range got {
		there += map[bool]string{true: "-", false: "x"}[math.IsNaN(v)]
	}
	if there != cells || err == nil || !strings.Contains(err.Error(), why) {
		t.Errorf("%v, %v; want %s and %q", got, err, cells, why)
	}
}

func powered(name string, at int, p Place) Register {
	return Register{Name: name, Table: Holding, Address: uint16(at), Type: I16, Scale: 1, Power: &p}
}

// A scale factor that changes from one answer to the next always goes with the value
// of the same answer.
func TestPower_sameAnswer(t *testing.T) {
	var b modbussim.Bank
	n := 0
	b.SetBefore(func() {
		n++
		b.SetHolding(100, [][]uint16{{26034, 0xFFFF}, {260, 1}}[n%2]...)
	})
	d := newDev(t, newLine(t, serve(t, map[uint8]*modbussim.Bank{7: &b}), LineOptions{}), 7, []Register{powered("w", 100, Place{Holding, 101})}, Options{})
	for range 20 {
		got, err := reading(d)
		if want := map[bool]float64{true: 2600, false: 2603.4}[n%2 == 1]; got[0] != want || err != nil {
			t.Fatalf("%v, %v; want %v", got, err, want)
		}
	}
}

// A value whose scale factor is in another table or too far away is read between two
// looks at the scale factor, and is missing if it changed.
func TestPower_apart(t *testing.T) {
	for _, place := range []Place{{Input, 7}, {Holding, 900}, {Holding, 140}} {
		var b modbussim.Bank
		b.SetHolding(100, 1234, 99)
		set := func(v int) {
			if place.Table == Input {
				b.SetInput(int(place.Address), uint16(int16(v)))
			} else {
				b.SetHolding(int(place.Address), uint16(int16(v)))
			}
		}
		set(-2)
		plain := reg(Holding, 101, U16)
		s := serve(t, map[uint8]*modbussim.Bank{7: &b})
		d := newDev(t, newLine(t, s, LineOptions{}), 7, []Register{powered("w", 100, place), plain}, Options{}) // to 140 there are registers that do not exist
		mustRead(t, d, 12.34, 99)
		before := s.RequestsTo(7)
		mustRead(t, d, 12.34, 99)
		if n := s.RequestsTo(7) - before; n != 4 || d.Cost(9600, 0).Requests != 4 {
			t.Errorf("%v: %d requests, %s, Cost says %d", place, n, names(d.plan), d.Cost(9600, 0).Requests)
		}
		v := 0
		b.SetBefore(func() { v--; set(v%3 - 1) })
		mustMiss(t, d, "-x", "w is without a scale factor: "+place.String()+" changed from")
		b.SetBefore(nil)
		set(1)
		mustRead(t, d, 12340, 99)
	}
}

func TestPower_none(t *testing.T) {
	var b modbussim.Bank
	d := newDev(t, newLine(t, serve(t, map[uint8]*modbussim.Bank{7: &b}), LineOptions{}), 7,
		[]Register{powered("w", 100, Place{Holding, 101}), reg(Holding, 102, U16)}, Options{})
	b.SetHolding(100, 5, 0x8000, 3)
	mustMiss(t, d, "-x", "w is without a scale factor: holding 101 is 0x8000")
	b.SetHolding(101, 11)
	mustMiss(t, d, "-x", "w is without a scale factor: holding 101 is 11, want -10 to 10")
	b.SetHolding(101, 0)
	mustRead(t, d, 5, 3)
	b.SetHolding(101, 10)
	mustRead(t, d, 5e10, 3)
}

// A power of ten that the device does not have costs only the values that need it.
func TestPower_refused(t *testing.T) {
	var b modbussim.Bank
	b.SetHolding(100, 5, 6)
	d := newDev(t, newLine(t, serve(t, map[uint8]*modbussim.Bank{7: &b}), LineOptions{}), 7,
		[]Register{powered("w", 100, Place{Holding, 300}), reg(Holding, 101, U16)}, Options{})
	for range 3 {
		mustMiss(t, d, "-x", "holding 300: exception 2")
	}
}

// A device that gives two registers at most: its power of ten is three away.
func TestPower_tooLong(t *testing.T) {
	var b modbussim.Bank
	b.SetMaxRegisters(2)
	b.SetHolding(100, 15, 0, 0, 0xFFFF)
	d := newDev(t, newLine(t, serve(t, map[uint8]*modbussim.Bank{7: &b}), LineOptions{}), 7, []Register{powered("w", 100, Place{Holding, 103})}, Options{})
	for range 3 {
		mustRead(t, d, 1.5)
	}
}

// Registers of 32 bits: the quantity counts them, each brings four bytes.
func TestWide(t *testing.T) {
	var b modbussim.Bank
	b.SetWide(5001, 70_000, math.Float32bits(21.5), 1, 2)
	b.SetHolding(40, 7)
	wide := func(name string, at int, typ Type) Register {
		return Register{Name: name, Table: Holding, Address: uint16(at), Type: typ, Scale: 1, Wide: true}
	}
	regs := []Register{wide("n", 5001, U32), wide("f", 5002, F32), wide("long", 5003, U64), reg(Holding, 40, U16)}
	check := func(t *testing.T, l *Line) {
		d := newDev(t, l, 7, regs, Options{})
		mustRead(t, d, 70_000, 21.5, 1<<32+2, 7)
		if got := names(d.plan); got != "holding 40, holding 5001-5004" {
			t.Errorf("plan %s", got)
		}
		if c := d.Cost(9600, 0); c.Requests != 2 {
			t.Errorf("cost %+v", c)
		}
	}
	s := serve(t, map[uint8]*modbussim.Bank{7: &b})
	check(t, newLine(t, s, LineOptions{}))
	t.Run("rtu", func(t *testing.T) {
		l, _ := serialLine(t, 0, map[uint8]*modbussim.Bank{7: &b}, LineOptions{})
		check(t, l)
	})
	narrow := newDev(t, newLine(t, s, LineOptions{}), 7, []Register{reg(Holding, 5001, U16)}, Options{})
	mustMiss(t, narrow, "-", "PDU of 6 bytes, want 4")
	r := wide("n", 5001, U16)
	if err := r.check(); err == nil {
		t.Error("u16 in a register of 32 bits is taken")
	}
}

func TestValid_together(t *testing.T) {
	var b modbussim.Bank
	n := 0
	b.SetBefore(func() { n++; b.SetHolding(38, uint16(n), 0, uint16(n%2)) })
	s := serve(t, map[uint8]*modbussim.Bank{7: &b})
	d := newDev(t, newLine(t, s, LineOptions{}), 7, []Register{reg(Holding, 38, U16)},
		Options{MaxGap: 8, Valid: &Condition{Register: Register{Table: Holding, Address: 40, Type: U16}, Is: []int64{1}}})
	for range 10 {
		mustRead(t, d, float64(n+1))
		mustMiss(t, d, "-", "unit 7: valid_when: holding 40 is 0, want 1")
	}
	if s.RequestsTo(7) != 20 {
		t.Errorf("%d requests, want one a cycle", s.RequestsTo(7))
	}
}

// Values in other requests than the condition are read between two looks at it.
func TestValid_before_and_after(t *testing.T) {
	var b modbussim.Bank
	b.SetHolding(40, 1)
	b.SetInput(7, 5)
	b.SetCoil(3, true)
	n := 0
	b.SetBefore(func() { n++ })
	s := serve(t, map[uint8]*modbussim.Bank{7: &b})
	d := newDev(t, newLine(t, s, LineOptions{}), 7, []Register{reg(Input, 7, U16), {Name: "c", Table: Coil, Address: 3, Type: Bit, Scale: 1}},
		Options{Valid: &Condition{Register: Register{Table: Holding, Address: 40, Type: U16, Mask: 0xF}, Is: []int64{1, 3}}})
	mustRead(t, d, 5, 1)
	if got := d.Cost(9600, 0).Requests; n != 5 || got != 5 {
		t.Errorf("%d requests, Cost says %d", n, got)
	}
	b.SetHolding(40, 0xF3)
	mustRead(t, d, 5, 1)
	for at := range 5 { // it ceases before each of the requests
		n = 0
		b.SetHolding(40, 1)
		b.SetBefore(func() {
			if n++; n == at+1 {
				b.SetHolding(40, 2)
			}
		})
		mustMiss(t, d, "--", "valid_when: holding 40 is 2, want 1 or 3")
	}
	b.SetBefore(nil)
	mustMiss(t, d, "--", "valid_when: holding 40 is 2")
	b.SetHolding(40, 1)
	mustRead(t, d, 5, 1)
}

// A marker proves the map, "SunS" here; where it cannot be read nothing is believed.
func TestValid_refused(t *testing.T) {
	var b modbussim.Bank
	b.SetHolding(100, 5)
	s := serve(t, map[uint8]*modbussim.Bank{7: &b})
	for _, near := range []uint16{98, 40000} {
		d := newDev(t, newLine(t, s, LineOptions{}), 7, []Register{reg(Holding, 100, U16)},
			Options{Valid: &Condition{Register: Register{Table: Holding, Address: near, Type: U32}, Is: []int64{0x53756e53}}})
		for range 3 {
			mustMiss(t, d, "-", fmt.Sprintf("valid_when: holding %d-%d: exception 2", near, near+1))
		}
		b.SetHolding(int(near), 0x5375, 0x6e53)
		mustRead(t, d, 5)
		b.SetHolding(int(near), 0x5375, 0x6e54)
		mustMiss(t, d, "-", "is 1400204884, want 1400204883")
	}
}

func TestReadText(t *testing.T) {
	var b modbussim.Bank
	b.SetInput(10, 0x534E, 0x2D34, 0x3220, 0x0000, 0x4142)
	b.SetInput(30, 0xFFFF, 0xFFFF)
	b.SetInput(40, 0x4241, 0x0143)
	l := newLine(t, serve(t, map[uint8]*modbussim.Bank{7: &b}), LineOptions{})
	for _, c := range []struct {
		x    Text
		want string
	}{
		{Text{Input, 10, 10, ABCD}, "SN-42"}, {Text{Input, 10, 3, ABCD}, "SN-"}, {Text{Input, 30, 4, ABCD}, ""},
		{Text{Input, 40, 4, BADC}, `ABC\x01`}, {Text{Input, 40, 3, BADC}, `ABC`},
	} {
		if got, err := l.ReadText(context.Background(), 7, c.x, RequestLimits{}); got != c.want || err != nil {
			t.Errorf("%+v: %q, %v; want %q", c.x, got, err, c.want)
		}
	}
	for _, x := range []Text{{Coil, 1, 2, ABCD}, {Input, 1, 0, ABCD}, {Input, 1, 251, ABCD}, {Input, 65535, 3, ABCD}, {Input, 1, 2, CDAB}} {
		if _, err := l.ReadText(context.Background(), 7, x, RequestLimits{}); err == nil {
			t.Errorf("%+v is read", x)
		}
	}
}

// FuzzText holds that a text has no byte that a terminal would take for a command.
func FuzzText(f *testing.F) {
	f.Add([]byte("SN-42\x1b[2J\xff"), uint8(0), 7)
	f.Fuzz(func(t *testing.T, data []byte, order uint8, n int) {
		x := Text{Holding, 0, n, Order(order)}
		if x.Check() != nil {
			t.Skip()
		}
		b := make([]byte, (n+1)/2*2)
		copy(b, data)
		for _, c := range []byte(x.text(b)) {
			if c < ' ' || c > '~' {
				t.Fatalf("%+v of % x: %q", x, b, x.text(b))
			}
		}
	})
}

// FuzzPower holds that a value with a power of ten is exact or missing.
func FuzzPower(f *testing.F) {
	f.Add(int16(26034), uint16(0xFFFF))
	f.Add(int16(-3), uint16(0x8000))
	f.Fuzz(func(t *testing.T, raw int16, power uint16) {
		r := powered("w", 0, Place{Holding, 1})
		var data [4]byte
		binary.BigEndian.PutUint16(data[:], uint16(raw))
		binary.BigEndian.PutUint16(data[2:], power)
		p, ok := r.powerIn(&request{table: Holding, n: 2}, data[:])
		v, err := r.decode(data[:], 0, time.Time{}, p)
		want, _ := strconv.ParseFloat(fmt.Sprintf("%de%d", raw, int16(power)), 64)
		valid := int16(power) >= -10 && int16(power) <= 10
		if !ok || valid && (v != want || err != nil) || !valid && (err == nil || !math.IsNaN(v)) {
			t.Fatalf("%d * 10^%d = %v, %v; want %v", raw, int16(power), v, err, want)
		}
	})
}

package modbus

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestTypes holds what the table says of each type: its size, its range, and that
// the bits of a number decode to that number.
func TestTypes(t *testing.T) {
	numbers := map[Type]map[string]float64{ // as written, and its value
		Bit: {"0": 0, "1": 1},
		U8H: {"255": 255, "0x10": 16},
		U8L: {"255": 255, "0x10": 16},
		U16: {"65535": 65535, "0x8000": 32768},
		I16: {"-1": -1, "0x8000": -32768, "32767": 32767},
		F16: {"0x7BFF": 65504, "0xC000": -2},
		U32: {"4294967295": 4294967295},
		I32: {"-2147483648": -2147483648, "0xFFFFFFFF": -1},
		F32: {"-9999": -9999, "0x3F800000": 1},
		U64: {"18446744073709551615": 18446744073709551615},
		I64: {"-1": -1, "9223372036854775807": 9223372036854775807},
		F64: {"0.1": 0.1, "0xBFF0000000000000": -1},
		U24: {"16777215": 16777215, "0x800000": 8388608}, I24: {"-1": -1, "0x800000": -8388608},
		U48: {"281474976710655": 281474976710655}, I48: {"-1": -1, "0x800000000000": -1 << 47},
		S16: {"-5": -5, "0x8005": -5, "0x8000": 0, "32767": 32767}, S32: {"-2147483647": -2147483647, "0x80000001": -1},
		BCD16: {"1234": 1234, "0x1234": 1234, "9999": 9999}, BCD32: {"567890": 567890, "0x00567890": 567890},
		M10K32: {"12345678": 12345678, "0x04D2162E": 12345678}, M10K48: {"999999999999": 999999999999},
		M10K64: {"1234567890123456": 1234567890123456},
	}
	for i, info := range Types() {
		typ := Bit + Type(i)
		if typ.String() != info.Name || typ.Registers() != info.Registers || info.Registers != (info.Bits+15)/16 && typ != Date {
			t.Errorf("%v: %+v", typ, info)
		}
		for text, want := range numbers[typ] {
			raw, err := info.Raw(text)
			if err != nil {
				t.Errorf("%v: %v", typ, err)
				continue
			}
			if typ == U8H {
				raw <<= 8
			}
			var b [8]byte
			binary.BigEndian.PutUint64(b[:], raw)
			if got := typ.Decode(ABCD, b[8-2*info.Registers:]); got != want {
				t.Errorf("%v: %s decodes to %v, want %v", typ, text, got, want)
			}
			if info.Whole && info.Bits < 64 && (want < float64(info.Min) || want > float64(info.Max)) {
				t.Errorf("%v: %v is outside %d to %d", typ, want, info.Min, info.Max)
			}
		}
		if len(numbers[typ]) == 0 && !info.Clock {
			t.Errorf("%v: no number is tried", typ)
		}
	}
	for text, typ := range map[string]Type{"65536": U16, "-32769": I16, "-1": U32, "0x1FFFFFFFF": F32, "1.5": F16, "x": F64, "2": Bit,
		"-32768": S16, "10000": BCD16, "-2": BCD32, "100000000": M10K32, "0": Date} {
		if raw, err := types[typ].Raw(text); err == nil {
			t.Errorf("%v takes %s as %#x", typ, text, raw)
		}
	}
	for _, o := range Orders() {
		if got, err := ParseOrder(o.Name); err != nil || (o.Bytes == 0 || got > CDAB) && got.String() != o.Name {
			t.Errorf("order %s is %v: %v", o.Name, got, err)
		}
	}
}

// TestOrders_eight: the bytes A to H, sent in the order of the letters of each
// name, make the same number; there is a name for every order of the pairs.
func TestOrders_eight(t *testing.T) {
	names, usual := map[string]bool{}, 0
	for _, o := range Orders() {
		if o.Bytes != 8 {
			continue
		}
		if names[o.Name] = true; !o.Rare {
			usual++
		}
		order, _ := ParseOrder(o.Name)
		if got := order.join([]byte(o.Name), 4); got != 0x4142434445464748 {
			t.Errorf("%s: %#x", o.Name, got)
		}
		if got := U64.Decode(order, []byte(o.Name)); got != 0x4142434445464748 {
			t.Errorf("%s: %v", o.Name, got)
		}
	}
	if len(names) != 48 || usual != 8 || !names["EFGHABCD"] || !names["CDABGHEF"] {
		t.Errorf("%d orders of eight letters, %d of them usual: %v", len(names), usual, names)
	}
}

// TestFormats are values as manuals print them.
func TestFormats(t *testing.T) {
	at := time.Date(2026, 11, 23, 8, 30, 0, 0, time.UTC)
	for _, c := range []struct {
		r     Register
		bytes []byte
		want  float64
		why   string // no value: the text of the error
	}{
		{Register{Type: BCD16}, []byte{0x12, 0x34}, 1234, ""},
		{Register{Type: BCD32, Order: CDAB, Scale: 0.1}, []byte{0x78, 0x90, 0x00, 0x56}, 56789, ""},
		{Register{Type: BCD16}, []byte{0x12, 0xA4}, 0, "x is 0x12a4, which is not BCD: a digit is above 9"},
		{Register{Type: BCD32}, []byte{0xFF, 0xFF, 0xFF, 0xFF}, 0, "x is 0xffffffff, which is not BCD: a digit is above 9"},
		{Register{Type: BCD16, Mask: 0x0FFF}, []byte{0xF1, 0x23}, 123, ""}, // the highest digit is a status
		{Register{Type: M10K32}, []byte{0x00, 0x7B, 0x11, 0xD7}, 1234567, ""},
		{Register{Type: M10K48, Order: CDAB}, []byte{0x11, 0xD7, 0x00, 0x7B, 0x00, 0x01}, 101234567, ""}, // as Schneider meters send it
		{Register{Type: M10K32}, []byte{0x00, 0x01, 0x27, 0x10}, 0, "x is 0x00012710, which is not modulo 10000: a register is above 9999"},
		{Register{Type: S16}, []byte{0x80, 0x05}, -5, ""},
		{Register{Type: S32, Order: CDAB}, []byte{0x00, 0x2A, 0x80, 0x00}, -42, ""},
		{Register{Type: U24}, []byte{0xFF, 0x01, 0x00, 0x00}, 65536, ""},
		{Register{Type: I24}, []byte{0x00, 0xFF, 0xFF, 0xFE}, -2, ""},
		{Register{Type: U48, Order: CDAB}, []byte{0x56, 0x78, 0x12, 0x34, 0x00, 0x01}, 0x112345678, ""},
		{Register{Type: U16, Mask: 0x0FF0, Shift: 4}, []byte{0xAB, 0xCD}, 0xBC, ""},
		{Register{Type: I16, Mask: 0xFFF0, Shift: 4, Scale: 0.0625}, []byte{0xE7, 0x00}, -25, ""}, // 12 bits, left-aligned, as a TMP102 has it
		{Register{Type: I16, Mask: 0x000F}, []byte{0xFF, 0x78}, -8, ""},
		{Register{Type: I16, Shift: 8}, []byte{0x80, 0xFF}, -128, ""},
		{Register{Type: U32, Shift: 8}, []byte{0x12, 0x34, 0x56, 0x78}, 0x123456, ""},
		{Register{Type: I16, Mask: 0xFFF0, Shift: 4, Missing: []uint64{0xFFFF}}, []byte{0xFF, 0xF3}, 0, "x is 0xffff, which means no value"},
		{Register{Type: Date}, []byte{0x07, 0xEA, 0, 11, 0, 23, 0, 8, 0, 30, 0, 5}, 5, ""},
		{Register{Type: Date, Order: BADC}, []byte{26, 0, 11, 0, 23, 0, 8, 0, 29, 0, 0, 0}, -60, ""},
		{Register{Type: Date}, []byte{0x07, 0xEA, 0, 2, 0, 30, 0, 8, 0, 30, 0, 5}, 0, "x is 0x0007ea021e081e05, which is no date"},
		{Register{Type: Date}, make([]byte, 12), 0, "x is 0x0000000000000000, which is no date"},
		{Register{Type: Date32, Offset: -3600}, []byte{0x6B, 0x04, 0x07, 0x98}, 0, ""}, // local time, one hour ahead
		{Register{Type: Date48}, []byte{26, 11, 23, 8, 30, 1}, 1, ""},
		{Register{Type: Date64}, []byte{0, 26, 11, 0x37, 8, 30, 0x05, 0xDC}, 1.5, ""},
		{Register{Type: Date64}, []byte{0, 26, 11, 0x37, 8, 0x80 | 30, 0, 0}, 0, "x is 0x001a0b37089e0000, which is no date"},
	} {
		r := c.r
		r.Name, r.Table = "x", Holding
		if r.Scale == 0 {
			r.Scale = 1
		}
		if err := r.check(); err != nil {
			t.Errorf("%+v: %v", r, err)
			continue
		}
		got, err := r.decode(c.bytes, 0, at, 0)
		if c.why == "" && (err != nil || got != c.want) || c.why != "" && (err == nil || err.Error() != c.why || !math.IsNaN(got)) {
			t.Errorf("%v of % x: %v, %v; want %v%s", r.Type, c.bytes, got, err, c.want, c.why)
		}
	}
}

func TestRegister_fieldRefused(t *testing.T) {
	for _, r := range []Register{{Type: F32, Mask: 1}, {Type: U16, Mask: 0x10000}, {Type: U16, Shift: 16}, {Type: U16, Mask: 0xF, Shift: 4}, {Type: S16, Shift: 1},
		{Type: M10K32, Mask: 0xFF}, {Type: Bit, Mask: 1}, {Type: Date, Shift: 1}, {Type: U32, Order: CDAB + 1}, {Type: U64, Order: CDAB + 45}} {
		r.Table, r.Scale = Holding, 1
		if err := r.check(); err == nil {
			t.Errorf("%+v is taken", r)
		}
	}
}

// FuzzField holds Mask and Shift against arithmetic with bits as text.
func FuzzField(f *testing.F) {
	f.Add(uint64(0xE700), uint64(0xFFF0), uint8(4), uint8(I16))
	f.Add(uint64(0x1234), uint64(0x0FFF), uint8(0), uint8(BCD16))
	f.Fuzz(func(t *testing.T, raw, mask uint64, shift, typ uint8) {
		r := Register{Name: "x", Table: Holding, Type: Type(int(typ)%len(Types())) + Bit, Mask: mask, Shift: shift, Scale: 1}
		if r.check() != nil || r.Type.Registers() > 4 {
			t.Skip()
		}
		width := types[r.Type].Bits
		raw &= math.MaxUint64 >> (64 - width)
		if mask == 0 {
			mask = math.MaxUint64 >> (64 - width)
		}
		text := fmt.Sprintf("%064b", raw&mask)[:64-shift]
		field := strings.TrimLeft(fmt.Sprintf("%064b", mask)[:64-shift], "0")
		text = text[len(text)-len(field):]
		want, _ := strconv.ParseUint(text, 2, 64)
		if types[r.Type].Min < 0 && text[0] == '1' {
			full := strings.Repeat("1", width-len(text)) + text
			want, _ = strconv.ParseUint(full, 2, 64)
		}
		if got := r.Type.field(raw, r.Mask, shift); got != want {
			t.Fatalf("%v: %#x with mask %#x and shift %d is %#x, want %#x", r.Type, raw, mask, shift, got, want)
		}
	})
}

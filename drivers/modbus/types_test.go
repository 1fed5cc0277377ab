package modbus

import (
	"encoding/binary"
	"testing"
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
	}
	for i, info := range Types() {
		typ := Bit + Type(i)
		if typ.String() != info.Name || typ.Registers() != info.Registers || info.Registers != (info.Bits+15)/16 {
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
		if len(numbers[typ]) == 0 {
			t.Errorf("%v: no number is tried", typ)
		}
	}
	for text, typ := range map[string]Type{"65536": U16, "-32769": I16, "-1": U32, "0x1FFFFFFFF": F32, "1.5": F16, "x": F64, "2": Bit} {
		if raw, err := types[typ].Raw(text); err == nil {
			t.Errorf("%v takes %s as %#x", typ, text, raw)
		}
	}
	for _, o := range Orders() {
		if got, err := ParseOrder(o.Name); err != nil || o.Bytes == 0 && got.String() != o.Name {
			t.Errorf("order %s is %v: %v", o.Name, got, err)
		}
	}
}

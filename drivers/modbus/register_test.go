package modbus

import (
	"math"
	"strings"
	"testing"
	"time"
)

// Every order of the bytes 12 34 56 78 and of 3.14159274 = 40 49 0F DB.
func TestRegister_decode(t *testing.T) {
	tests := []struct {
		typ   Type
		order Order
		bytes []byte
		want  float64
	}{
		{U16, ABCD, []byte{0x12, 0x34}, 0x1234},
		{U16, CDAB, []byte{0x12, 0x34}, 0x1234},
		{U16, BADC, []byte{0x34, 0x12}, 0x1234},
		{U16, DCBA, []byte{0x34, 0x12}, 0x1234},
		{U16, ABCD, []byte{0xff, 0xff}, 65535},
		{I16, ABCD, []byte{0xff, 0xfe}, -2},
		{I16, CDAB, []byte{0x80, 0x00}, -32768},
		{I16, BADC, []byte{0xfe, 0xff}, -2},
		{I16, DCBA, []byte{0xff, 0x7f}, 32767},
		{U32, ABCD, []byte{0x12, 0x34, 0x56, 0x78}, 0x12345678},
		{U32, CDAB, []byte{0x56, 0x78, 0x12, 0x34}, 0x12345678},
		{U32, BADC, []byte{0x34, 0x12, 0x78, 0x56}, 0x12345678},
		{U32, DCBA, []byte{0x78, 0x56, 0x34, 0x12}, 0x12345678},
		{U32, ABCD, []byte{0xff, 0xff, 0xff, 0xff}, 4294967295},
		{I32, ABCD, []byte{0xff, 0xff, 0xff, 0xfe}, -2},
		{I32, CDAB, []byte{0xff, 0xfe, 0xff, 0xff}, -2},
		{I32, BADC, []byte{0xff, 0xff, 0xfe, 0xff}, -2},
		{I32, DCBA, []byte{0xfe, 0xff, 0xff, 0xff}, -2},
		{F32, ABCD, []byte{0x40, 0x49, 0x0f, 0xdb}, float64(float32(math.Pi))},
		{F32, CDAB, []byte{0x0f, 0xdb, 0x40, 0x49}, float64(float32(math.Pi))},
		{F32, BADC, []byte{0x49, 0x40, 0xdb, 0x0f}, float64(float32(math.Pi))},
		{F32, DCBA, []byte{0xdb, 0x0f, 0x49, 0x40}, float64(float32(math.Pi))},
		{U8H, ABCD, []byte{0x12, 0x34}, 0x12},
		{U8L, ABCD, []byte{0x12, 0x34}, 0x34},
		{U8L, BADC, []byte{0x12, 0x34}, 0x12},
		{F16, ABCD, []byte{0x3c, 0x00}, 1},
		{F16, ABCD, []byte{0xc0, 0x00}, -2},
		{F16, ABCD, []byte{0x7b, 0xff}, 65504},
		{F16, DCBA, []byte{0x01, 0x00}, math.Ldexp(1, -24)},
		{U64, ABCD, []byte{0, 1, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77}, 0x1223344556677},
		{U64, CDAB, []byte{0x66, 0x77, 0x44, 0x55, 0x22, 0x33, 0, 1}, 0x1223344556677},
		{U64, BADC, []byte{1, 0, 0x33, 0x22, 0x55, 0x44, 0x77, 0x66}, 0x1223344556677},
		{U64, DCBA, []byte{0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 1, 0}, 0x1223344556677},
		{U64, ABCD, []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, 1 << 64}, // beyond 2^53: rounded
		{I64, ABCD, []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe}, -2},
		{I64, CDAB, []byte{0, 0, 0, 0, 0, 0, 0x80, 0}, math.MinInt64},
		{F64, ABCD, []byte{0x40, 0x09, 0x21, 0xfb, 0x54, 0x44, 0x2d, 0x18}, math.Pi},
		{F64, CDAB, []byte{0x2d, 0x18, 0x54, 0x44, 0x21, 0xfb, 0x40, 0x09}, math.Pi},
		{F64, BADC, []byte{0x09, 0x40, 0xfb, 0x21, 0x44, 0x54, 0x18, 0x2d}, math.Pi},
		{F64, DCBA, []byte{0x18, 0x2d, 0x44, 0x54, 0xfb, 0x21, 0x09, 0x40}, math.Pi},
	}
	for _, tt := range tests {
		r := Register{Table: Input, Type: tt.typ, Order: tt.order, Scale: 1}
		if got, err := r.decode(tt.bytes, 0, time.Time{}, 0); got != tt.want || err != nil {
			t.Errorf("%v %v of % x = %v, %v; want %v", tt.typ, tt.order, tt.bytes, got, err, tt.want)
		}
	}
}

func TestRegister_decodeScaled(t *testing.T) {
	r := Register{Table: Input, Type: I16, Scale: 0.1, Offset: 5}
	if got, err := r.decode([]byte{0xff, 0xfe}, 0, time.Time{}, 0); got != 4.8 || err != nil {
		t.Errorf("-2*0.1+5 = %v, %v; want 4.8", got, err)
	}
}

func TestParse_names(t *testing.T) {
	for typ := Bit; typ.known(); typ++ {
		if got, err := ParseType(typ.String()); err != nil || got != typ {
			t.Errorf("ParseType(%q) = %v, %v", typ, got, err)
		}
	}
	for table := Coil; table <= Input; table++ {
		if got, err := ParseTable(table.String()); err != nil || got != table {
			t.Errorf("ParseTable(%q) = %v, %v", table, got, err)
		}
	}
	if _, err := ParseTable("register"); err == nil || err.Error() != `table "register": want coil, discrete, holding or input` {
		t.Errorf("ParseTable of no table: %v", err)
	}
	for o := ABCD; o <= CDAB; o++ {
		if got, err := ParseOrder(o.String()); err != nil || got != o {
			t.Errorf("ParseOrder(%q) = %v, %v", o, got, err)
		}
	}
	if o, err := ParseOrder(""); err != nil || o != ABCD {
		t.Errorf("ParseOrder of nothing = %v, %v", o, err)
	}
	if o, err := ParseOrder("GHEFCDAB"); err != nil || o != CDAB {
		t.Errorf("ParseOrder of eight letters = %v, %v", o, err)
	}
	if _, err := ParseType("float"); err == nil {
		t.Error("type float: no error")
	}
	if _, err := ParseOrder("DBCA"); err == nil {
		t.Error("order DBCA: no error")
	}
}

func TestNew_refuses(t *testing.T) {
	good := Register{Name: "a", Table: Input, Type: U16, Scale: 1}
	with := func(f func(*Register)) []Register {
		r := good
		f(&r)
		return []Register{r}
	}
	line := NewLine(Dial("127.0.0.1:1"), LineOptions{})
	tests := []struct {
		regs []Register
		o    Options
		want string
	}{
		{nil, Options{}, "at least one register"},
		{[]Register{good, good}, Options{}, `register "a": name is empty or used twice`},
		{with(func(r *Register) { r.Name = "" }), Options{}, "name is empty"},
		{with(func(r *Register) { r.Scale = 0 }), Options{}, `register "a": scale 0`},
		{with(func(r *Register) { r.Scale = math.Inf(1) }), Options{}, "scale +Inf"},
		{with(func(r *Register) { r.Offset = math.NaN() }), Options{}, "offset NaN"},
		{with(func(r *Register) { r.Table = 5 }), Options{}, "table 5: unknown"},
		{with(func(r *Register) { r.Type = 0 }), Options{}, "type 0: unknown"},
		{with(func(r *Register) { r.Order = 9 }), Options{}, "BAHGDCFE does not fit type u16"},
		{with(func(r *Register) { r.Type, r.Bit = Bit, 16 }), Options{}, "bit 16: want 0 to 15"},
		{with(func(r *Register) { r.Bit = 1 }), Options{}, "bit 1: want 0 to 15, of a register read as bit"},
		{with(func(r *Register) { r.Missing = []uint64{0x10000} }), Options{}, "missing value 0x10000 has more than 16 bits"},
		{with(func(r *Register) { r.Address = 7 }), Options{NeverRead: []Range{{Input, 7, 9}}}, "input 7 lies in input 7-9, which is never read"},
		{with(func(r *Register) { r.Table = Coil }), Options{}, "type u16 does not fit table coil"},
		{with(func(r *Register) { r.Address, r.Type = 65535, F32 }), Options{}, "ends beyond address 65535"},
		{with(func(r *Register) { r.Type = F32 }), Options{MaxRegisters: 1}, "type f32 takes 2 registers, a request may ask for 1 at most"},
		{[]Register{good}, Options{MaxRegisters: 126}, "want 1 to 125"},
	}
	for _, tt := range tests {
		if _, err := New(line, 7, tt.regs, tt.o); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("New(%+v): error %v, want %q", tt.regs, err, tt.want)
		}
	}
	if _, err := New(nil, 7, []Register{good}, Options{}); err == nil {
		t.Error("New without a line: no error")
	}
}

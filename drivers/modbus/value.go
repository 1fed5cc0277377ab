package modbus

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Type says how the bits of a register form a number.
type Type uint8

// The types. Bit is for coils and discrete inputs, and with Register.Bit for
// registers; the others are for registers. F16 is IEEE 754-2008 binary16.
const (
	Bit Type = iota + 1
	U8H      // the byte sent first
	U8L
	U16
	I16
	F16
	U32
	I32
	F32
	U64
	I64
	F64
)

// typeInfo is a type's name in configurations and its registers.
type typeInfo struct {
	name  string
	words int
}

var types = [...]typeInfo{
	Bit: {"bit", 1}, U8H: {"u8h", 1}, U8L: {"u8l", 1},
	U16: {"u16", 1}, I16: {"i16", 1}, F16: {"f16", 1},
	U32: {"u32", 2}, I32: {"i32", 2}, F32: {"f32", 2},
	U64: {"u64", 4}, I64: {"i64", 4}, F64: {"f64", 4},
}

func (t Type) known() bool { return t >= Bit && int(t) < len(types) }

// String gives the name that ParseType takes.
func (t Type) String() string {
	if t.known() {
		return types[t].name
	}
	return "type " + strconv.Itoa(int(t))
}

// Registers is how many registers (for coils and discrete inputs: bits) a value of
// the type takes.
func (t Type) Registers() int { return types[t].words }

// width is the number of bits that determine a value.
func (t Type) width() int {
	switch t {
	case Bit:
		return 1
	case U8H, U8L:
		return 8
	}
	return 16 * types[t].words
}

// ParseType takes "bit", "u8h", "u8l", "u16", "i16", "f16", "u32", "i32",
// "f32", "u64", "i64" or "f64".
func ParseType(s string) (Type, error) {
	var names []string
	for t := Bit; t.known(); t++ {
		if s == types[t].name {
			return t, nil
		}
		names = append(names, types[t].name)
	}
	return 0, fmt.Errorf("type %q: want one of %s", s, strings.Join(names, ", "))
}

// Order is the order in which the bytes of a value are sent; the package
// comment explains the letters. The zero value is ABCD.
type Order uint8

// The orders.
const (
	ABCD Order = iota // most significant byte first
	DCBA              // words and bytes swapped
	BADC              // bytes swapped
	CDAB              // words swapped
)

var (
	orderNames     = [...]string{"ABCD", "DCBA", "BADC", "CDAB"}
	longOrderNames = [...]string{"ABCDEFGH", "HGFEDCBA", "BADCFEHG", "GHEFCDAB"}
)

// String gives the name that ParseOrder takes.
func (o Order) String() string {
	if int(o) < len(orderNames) {
		return orderNames[o]
	}
	return "order " + strconv.Itoa(int(o))
}

// ParseOrder takes "ABCD", "DCBA", "BADC" or "CDAB", or the name of the same
// swap with the eight letters of a 64-bit value; empty means ABCD.
func ParseOrder(s string) (Order, error) {
	if s == "" {
		return ABCD, nil
	}
	for o := range orderNames {
		if s == orderNames[o] || s == longOrderNames[o] {
			return Order(o), nil
		}
	}
	return 0, fmt.Errorf("order %q: want ABCD, DCBA, BADC or CDAB", s)
}

// word decodes one register.
func (o Order) word(b []byte) uint16 {
	if o == BADC || o == DCBA {
		return binary.LittleEndian.Uint16(b)
	}
	return binary.BigEndian.Uint16(b)
}

// join combines n registers into one number.
func (o Order) join(b []byte, n int) uint64 {
	swapped := o == CDAB || o == DCBA
	var u uint64
	for i := range n {
		at := 2 * i
		if swapped {
			at = 2 * (n - 1 - i)
		}
		u = u<<16 | uint64(o.word(b[at:]))
	}
	return u
}

// Decode returns the number in b, which holds as many registers as the type
// takes, as sent. For Bit it is the least significant bit.
func (t Type) Decode(o Order, b []byte) float64 { return t.number(t.part(o.join(b, t.Registers()), 0)) }

// part selects the bits that the type reads from the bits of its registers.
func (t Type) part(u uint64, bit uint8) uint64 {
	switch t {
	case Bit:
		return u >> bit & 1
	case U8H:
		return u >> 8
	case U8L:
		return u & 0xff
	}
	return u
}

// number converts raw bits to the number they represent. U64 and I64 beyond ±2^53
// lose their lowest bits, because a float64 has a 53-bit significand.
func (t Type) number(raw uint64) float64 {
	switch t {
	case I16:
		return float64(int16(raw))
	case I32:
		return float64(int32(raw))
	case I64:
		return float64(int64(raw))
	case F16:
		return half(uint16(raw))
	case F32:
		return float64(math.Float32frombits(uint32(raw)))
	case F64:
		return math.Float64frombits(raw)
	}
	return float64(raw)
}

// half is the value of a binary16: 1 sign bit, 5 of exponent with bias 15, 10
// of fraction (IEEE 754-2008 §3.6). Every one of them is exact in a float64.
func half(h uint16) float64 {
	exponent, fraction := int(h>>10&0x1f), float64(h&0x3ff)
	var v float64
	switch exponent {
	case 0:
		v = math.Ldexp(fraction, -24)
	case 0x1f:
		v = math.Inf(1)
		if fraction != 0 {
			v = math.NaN()
		}
	default:
		v = math.Ldexp(1024+fraction, exponent-25)
	}
	if h&0x8000 != 0 {
		v = -v
	}
	return v
}

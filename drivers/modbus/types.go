package modbus

import (
	"fmt"
	"math"
	"slices"
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
	U24 // the lowest 24 bits of two registers
	I24
	U48
	I48
	S16 // sign and magnitude: the highest bit is the sign, the others are the size
	S32
	BCD16 // binary-coded decimal: four digits in a register
	BCD32
	M10K32 // modulo 10000: four decimal digits in each register, 0 to 9999
	M10K48
	M10K64
	Date   // six registers: year, month, day, hour, minute, second
	Date32 // seconds since 1970-01-01
	Date48 // six bytes: year since 2000, month, day, hour, minute, second
	Date64 // binary time of IEC 60870-5-4, as it stands in four registers
)

// TypeInfo describes a Type.
type TypeInfo struct {
	Name      string // that ParseType takes
	Registers int    // that a value takes; in a coil or discrete input: bits
	Bits      int    // that determine a value

	// Whole tells that the values are whole numbers, from Min to Max. Those of U64
	// above Max exist too, but an int64 cannot hold them.
	Whole    bool
	Min, Max int64

	// Span is how far a counter of the type counts before it begins again at its
	// lowest number. 0 means that it does not.
	Span float64

	// Fields tells that a value may be some of the bits (Register.Mask and Shift).
	Fields bool

	// Clock tells that the number is a time, in seconds since 1970-01-01 UTC. The
	// value of a Register is its difference from the time of reading.
	Clock bool

	// Meant is the type that most manuals mean by this name. Empty: this one.
	Meant string

	Aliases []string // what other programs, manuals and IEC 61131-3 call the type

	shift  uint8                               // of the bits in the register
	number func(raw uint64) float64            // the number that raw bits represent, NaN if they represent none
	raw    func(number string) (uint64, error) // the bits of a number
	why    string                              // what bits are that represent no number; empty = number tells it
	join   func(o Order, b []byte) uint64      // the raw bits in an answer; nil = those of all registers
}

// types is the table of all types: what this package and the configuration know
// about one is here. A new type needs a constant and a row.
var types = [...]TypeInfo{
	Bit: unsigned("bit", 1, 0, "bool"),
	U8H: unsigned("u8h", 8, 8, "uint8h"),
	U8L: unsigned("u8l", 8, 0, "uint8l", "u8", "uint8", "byte"),
	U16: unsigned("u16", 16, 0, "uint16", "word", "uint"),
	I16: signed("i16", 16, "int16", "short", "int"),
	F16: floating("f16", 16, func(raw uint64) float64 { return half(uint16(raw)) }, nil, "float16", "half"),
	U32: unsigned("u32", 32, 0, "uint32", "dword", "udint"),
	I32: signed("i32", 32, "int32", "long", "dint"),
	F32: floating("f32", 32, func(raw uint64) float64 { return float64(math.Float32frombits(uint32(raw))) },
		func(v float64) uint64 { return uint64(math.Float32bits(float32(v))) }, "float32", "float", "real", "single"),
	U64: unsigned("u64", 64, 0, "uint64", "lword", "qword", "ulint"),
	I64: signed("i64", 64, "int64", "s64", "lint"),
	F64: floating("f64", 64, math.Float64frombits, math.Float64bits, "float64", "double", "lreal"),
	U24: unsigned("u24", 24, 0, "uint24"),
	I24: signed("i24", 24, "int24", "s24"),
	U48: unsigned("u48", 48, 0, "uint48"),
	I48: signed("i48", 48, "int48", "s48"),
	S16: signMagnitude("s16", 16, "i16", "sm16"),
	S32: signMagnitude("s32", 32, "i32", "sm32"),

	BCD16:  decimal("bcd16", 16, 4, "bcd", "bcd4"),
	BCD32:  decimal("bcd32", 32, 4, "bcd8", "dbcd"),
	M10K32: decimal("m10k32", 32, 16, "mod10k", "mod10k32", "uint32-m10k"),
	M10K48: decimal("m10k48", 48, 16, "mod10k48", "uint48-m10k"),
	M10K64: decimal("m10k64", 64, 16, "mod10k64", "uint64-m10k", "dbl4-m10k"),

	Date:   clock("date", 96, ymdhms, "date96", "datetime", "date_time"),
	Date32: clock("date32", 32, func(raw uint64) float64 { return float64(raw) }, "epoch", "unix", "timestamp", "utc"),
	Date48: clock("date48", 48, bytesDate),
	Date64: clock("date64", 64, iecDate, "cp56time2a", "iec870"),
}

// Types describes every type, in the order of the constants.
func Types() []TypeInfo { return slices.Clone(types[Bit:]) }

// Raw gives the bits of a number as people write it, to compare with what a device
// sends. A whole number may be written as the number or as its bits, -1 or 0xFFFF;
// a floating-point number as the number or, with 0x, as its bits.
func (t TypeInfo) Raw(number string) (uint64, error) { return t.raw(number) }

// ParseType takes the name of a type.
func ParseType(s string) (Type, error) {
	var names []string
	for t := Bit; t.known(); t++ {
		if s == types[t].Name {
			return t, nil
		}
		names = append(names, types[t].Name)
	}
	return 0, fmt.Errorf("type %q: want one of %s", s, strings.Join(names, ", "))
}

// unsigned describes whole numbers from 0.
func unsigned(name string, bits int, shift uint8, aliases ...string) TypeInfo {
	return TypeInfo{Name: name, Registers: (bits + 15) / 16, Bits: bits, Whole: true, Max: math.MaxInt64 >> max(0, 63-bits), Aliases: aliases,
		Span: math.Ldexp(1, bits), Fields: bits > 8, shift: shift, number: func(raw uint64) float64 { return float64(raw) }, raw: wholeBits(name, bits, 0)}
}

// signed describes whole numbers in two's complement.
func signed(name string, bits int, aliases ...string) TypeInfo {
	unused := 64 - bits
	lowest := int64(math.MinInt64) >> unused
	return TypeInfo{Name: name, Registers: (bits + 15) / 16, Bits: bits, Whole: true, Min: lowest, Max: math.MaxInt64 >> unused, Aliases: aliases,
		Span: math.Ldexp(1, bits), Fields: true, number: func(raw uint64) float64 { return float64(int64(raw<<unused) >> unused) }, raw: wholeBits(name, bits, lowest)}
}

// floating describes floating-point numbers. bits gives those of a number; nil
// means that only bits can be written.
func floating(name string, width int, number func(raw uint64) float64, bits func(float64) uint64, aliases ...string) TypeInfo {
	return TypeInfo{Name: name, Registers: width / 16, Bits: width, Aliases: aliases, number: number, raw: func(s string) (uint64, error) {
		if strings.HasPrefix(s, "0x") {
			return pattern(name, width, s)
		}
		v, err := strconv.ParseFloat(s, 64)
		if err != nil || bits == nil {
			return 0, fmt.Errorf("%s is not a bit pattern such as 0x7BFF, as %s needs it", s, name)
		}
		return bits(v), nil
	}}
}

// wholeBits reads a whole number of a type, from lowest on, or its bits.
func wholeBits(name string, bits int, lowest int64) func(s string) (uint64, error) {
	return func(s string) (uint64, error) {
		if i, err := strconv.ParseInt(s, 0, 64); err == nil && i < 0 {
			if i < lowest {
				return 0, fmt.Errorf("%d is below the lowest %s, %d", i, name, lowest)
			}
			return uint64(i) & (math.MaxUint64 >> (64 - bits)), nil
		}
		return pattern(name, bits, s)
	}
}

// pattern reads bits.
func pattern(name string, bits int, s string) (uint64, error) {
	u, err := strconv.ParseUint(s, 0, bits)
	if err != nil {
		return 0, fmt.Errorf("%s is more than the %d bits of %s", s, bits, name)
	}
	return u, nil
}

package modbus

import (
	"math"
	"math/bits"
	"strconv"
)

func (t Type) known() bool { return t >= Bit && int(t) < len(types) }

// String gives the name that ParseType takes.
func (t Type) String() string {
	if t.known() {
		return types[t].Name
	}
	return "type " + strconv.Itoa(int(t))
}

// Registers is how many registers (for coils and discrete inputs: bits) a value of
// the type takes.
func (t Type) Registers() int { return types[t].Registers }

// Decode returns the number in b, which holds as many registers as the type
// takes, as sent. For Bit it is the least significant bit, for a time the seconds
// since 1970-01-01 UTC. It is NaN if the bits represent no number of the type.
func (t Type) Decode(o Order, b []byte) float64 { return t.number(t.part(t.join(o, b), 0)) }

// join combines the registers of a value, as sent, into its raw bits.
func (t Type) join(o Order, b []byte) uint64 {
	if i := &types[t]; i.join != nil {
		return i.join(o, b)
	}
	return o.join(b, t.Registers())
}

// field selects the bits of mask, moved down by shift, from the raw bits of a
// value. Of a type in two's complement the highest bit of the field is the sign.
func (t Type) field(raw, mask uint64, shift uint8) uint64 {
	if mask == 0 {
		mask = math.MaxUint64 >> (64 - types[t].Bits)
	}
	raw = raw & mask >> shift
	if types[t].Min < 0 {
		unused := 64 - bits.Len64(mask>>shift)
		raw = uint64(int64(raw<<unused)>>unused) & (math.MaxUint64 >> (64 - types[t].Bits))
	}
	return raw
}

// part selects the bits that the type reads from the bits of its registers.
func (t Type) part(u uint64, bit uint8) uint64 {
	i := &types[t]
	if t == Bit {
		u >>= bit
	}
	return u >> i.shift & (math.MaxUint64 >> (64 - i.Bits))
}

// number converts raw bits to the number they represent. Whole numbers beyond
// ±2^53 lose their lowest bits, because a float64 has a 53-bit significand.
func (t Type) number(raw uint64) float64 { return types[t].number(raw) }

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

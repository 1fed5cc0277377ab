package modbus

import (
	"encoding/binary"
	"math"
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

// String gives the name that ParseOrder takes.
func (o Order) String() string {
	if o <= CDAB {
		return orders[o].Name
	}
	return "order " + strconv.Itoa(int(o))
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

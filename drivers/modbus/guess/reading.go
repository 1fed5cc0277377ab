package guess

import (
	"encoding/binary"
	"math"
	"slices"

	"iot-edge-anomaly/drivers/modbus"
)

// Reading is one interpretation of some registers.
type Reading struct {
	Type      modbus.Type
	Order     modbus.Order
	Value     float64 // may be NaN or infinite
	Plausible bool
}

var orders = [...]modbus.Order{modbus.ABCD, modbus.CDAB, modbus.BADC, modbus.DCBA}

// orders64 are further orders of four registers that devices use.
var orders64 = furtherOrders()

func furtherOrders() (out []modbus.Order) {
	for _, o := range modbus.Orders() {
		if order, err := modbus.ParseOrder(o.Name); err == nil && o.Bytes == 8 && !o.Rare && !slices.Contains(orders[:], order) {
			out = append(out, order)
		}
	}
	return out
}

// Readings returns all interpretations as a number of the registers with which words
// begins, sorted by type and then by order: ABCD, CDAB, BADC, DCBA, and of binary
// numbers of four registers the others that devices use. Single registers have the
// orders ABCD and BADC only, bytes only ABCD. A type whose registers do not hold a
// number of it is left out, as BCD with a digit above 9 is.
func Readings(words []uint16) []Reading {
	b := bytesOf(words)
	var out []Reading
	for i, info := range modbus.Types() {
		t, n := modbus.Bit+modbus.Type(i), info.Registers
		if t == modbus.Bit || info.Clock || n > len(words) {
			continue
		}
		in := orders[:]
		switch {
		case t <= modbus.U8L:
			in = orders[:1]
		case n == 1:
			in = []modbus.Order{modbus.ABCD, modbus.BADC}
		case n == 4 && info.Bits == 64 && t != modbus.M10K64:
			in = slices.Concat(in, orders64)
		}
		for _, o := range in {
			v := t.Decode(o, b)
			if t > modbus.F64 && math.IsNaN(v) {
				continue
			}
			out = append(out, Reading{t, o, v, o <= modbus.CDAB && plausible(t, o, words[:n], v)})
		}
	}
	return out
}

// Decimal tells whether registers look like BCD: every one of them has decimal
// digits only, and so many that this is hardly chance.
func Decimal(runs [][]uint16) bool {
	digits := 0
	for _, words := range runs {
		for _, w := range words {
			if math.IsNaN(modbus.BCD16.Decode(modbus.ABCD, []byte{byte(w >> 8), byte(w)})) {
				return false
			}
			for ; w != 0; w >>= 4 {
				digits++
			}
		}
	}
	return digits >= surelyDecimal
}

// surelyDecimal is how many digits are no chance: one in 16 bits has ten of sixteen
// values, so that ten digits are decimal by chance once in a hundred times.
const surelyDecimal = 10

func bytesOf(words []uint16) []byte {
	b := make([]byte, 0, 2*len(words))
	for _, w := range words {
		b = binary.BigEndian.AppendUint16(b, w)
	}
	return b
}

// plausible applies the table of the package comment.
func plausible(t modbus.Type, o modbus.Order, words []uint16, v float64) bool {
	size := math.Abs(v)
	swapped := o == modbus.CDAB || o == modbus.DCBA
	word := func(i int) uint16 { // the i-th most significant
		if swapped {
			i = len(words) - 1 - i
		}
		return words[i]
	}
	switch t {
	case modbus.U16:
		return v >= 1 && v <= 10_000
	case modbus.I16:
		return v < 0 && size <= 10_000
	case modbus.U32:
		return word(0) != 0 && v <= 1e8
	case modbus.U64:
		return word(0) == 0 && word(1) != 0 && v <= 1e15
	case modbus.I32, modbus.I64:
		return v < 0 && size <= 1e6
	case modbus.F32, modbus.F64:
		return size >= 1e-3 && size <= 1e6
	}
	return false
}

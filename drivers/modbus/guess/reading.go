package guess

import (
	"encoding/binary"
	"math"

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

// Readings returns all interpretations of the registers with which words begins,
// sorted by type and then by order ABCD, CDAB, BADC, DCBA. Single registers have
// the orders ABCD and BADC only, bytes only ABCD.
func Readings(words []uint16) []Reading {
	b := bytesOf(words)
	var out []Reading
	for t := modbus.U8H; t <= modbus.F64; t++ {
		n := t.Registers()
		if n > len(words) {
			continue
		}
		for _, o := range orders {
			if n == 1 && (o == modbus.CDAB || o == modbus.DCBA) || t <= modbus.U8L && o != modbus.ABCD {
				continue
			}
			v := t.Decode(o, b)
			out = append(out, Reading{t, o, v, plausible(t, o, words[:n], v)})
		}
	}
	return out
}

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

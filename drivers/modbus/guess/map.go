package guess

import (
	"math"
	"strconv"

	"iot-edge-anomaly/drivers/modbus"
)

// Kind says what a piece of a map holds.
type Kind uint8

// The kinds.
const (
	Number  Kind = iota
	Zero         // nothing but zeros: its type is unknown
	Text         // printable characters
	NoValue      // a pattern that devices send if they have no value
)

// Piece is some consecutive registers and what they may hold.
type Piece struct {
	Kind    Kind
	First   int    // index of the first register
	N       int    // registers
	Reading        // of a Number or NoValue
	Raw     uint64 // of a NoValue: its bits
	Text    string
}

// Map divides runs of consecutive registers into pieces. It returns the pieces of
// each run, the byte order that fits all runs best, and by how many bits it fits
// better than any other. Ahead is 0 or less if the registers do not reveal the
// order; then the most common one is returned.
func Map(runs [][]uint16) (best [][]Piece, order modbus.Order, ahead float64) {
	least := math.Inf(1)
	var price [len(orders)]float64
	for i, o := range orders {
		var all [][]Piece
		for _, words := range runs {
			pieces, cost := cheapest(words, o)
			all, price[i] = append(all, pieces), price[i]+cost
		}
		if bits := price[i] + rarity(o); bits < least-1e-9 {
			best, order, least = all, o, bits
		}
	}
	ahead = math.Inf(1)
	for i, o := range orders {
		if o != order {
			ahead = min(ahead, price[i]+rarity(order)-least)
		}
	}
	return best, order, ahead
}

// rarity is the surcharge of an order: those that swap bytes are rare.
func rarity(o modbus.Order) float64 {
	if o.SwapsBytes() {
		return 8
	}
	return 0
}

// candidate is a piece with its cost in bits.
type candidate struct {
	Piece
	bits float64
}

// cheapest finds the cheapest division of one run, by dynamic programming from its
// end.
func cheapest(words []uint16, o modbus.Order) (pieces []Piece, bits float64) {
	n := len(words)
	rest := make([]float64, n+1) // cost of words[i:]
	choice := make([]candidate, n)
	for i := n - 1; i >= 0; i-- {
		rest[i] = math.Inf(1)
		for _, c := range candidates(words[i:], o) {
			if bits := c.bits + rest[i+c.N]; bits < rest[i] {
				c.First = i
				rest[i], choice[i] = bits, c
			}
		}
	}
	for i := 0; i < n; i += choice[i].N {
		p := choice[i].Piece
		if last := len(pieces) - 1; p.Kind == Zero && last >= 0 && pieces[last].Kind == Zero {
			pieces[last].N += p.N
			continue
		}
		pieces = append(pieces, p)
	}
	return pieces, rest[0]
}

// candidates are the pieces with which words may begin.
func candidates(words []uint16, o modbus.Order) (out []candidate) {
	if words[0] == 0 {
		out = append(out, candidate{Piece{Kind: Zero, N: 1}, 1})
	}
	out = append(out, texts(words)...)
	b := bytesOf(words[:min(4, len(words))])
	for t := modbus.U16; t <= modbus.F64; t++ {
		n := t.Registers()
		if n > len(words) || allZero(words[:n]) {
			continue
		}
		v := t.Decode(o, b)
		p := Piece{Kind: Number, N: n, Reading: Reading{t, o, v, true}}
		if raw, ok := noValue(t, words[:n], o); ok {
			p.Kind, p.Raw = NoValue, raw
			out = append(out, candidate{p, 4 + 4*float64(n)})
		} else if bits, ok := price(t, v); ok {
			out = append(out, candidate{p, bits})
		}
	}
	return out
}

// price is the cost of a number as type t, in bits; false: it cannot be one.
func price(t modbus.Type, v float64) (float64, bool) {
	size := math.Abs(v)
	switch t {
	case modbus.U16:
		return 2 + whole(size), true
	case modbus.U32:
		return 2 + math.Log2(1+size), size >= 1<<16
	case modbus.U64:
		return 4 + math.Log2(1+size), size >= 1<<32
	case modbus.I16:
		return 5 + whole(size), v < 0
	case modbus.I32:
		return 6 + math.Log2(1+size), v < 0
	case modbus.I64:
		return 7 + math.Log2(1+size), v < 0
	case modbus.F32:
		return 4 + float(v, 32), true
	case modbus.F64:
		return 6 + float(v, 64), true
	}
	return 0, false
}

// whole is the price of a number in a single register. It rarely exceeds 10,000
// much, because makers scale to that.
func whole(size float64) float64 {
	bits := math.Log2(1 + size)
	if size > 10_000 {
		bits += 4
	}
	return bits
}

// float is the price of a floating-point number. Numbers of everyday size cost
// their decimal digits, at most the bits of the fraction; others cost more than
// all their bits.
func float(v float64, width int) float64 {
	size := math.Abs(v)
	if !(size >= 1e-6 && size <= 1e9) {
		return float64(width + 8)
	}
	fraction := float64(width) - 8 // the significand: 24 of 32 bits; 53 of 64, and 3 because an everyday exponent is rarer there
	if size < 1e-3 || size > 1e6 {
		fraction += 4
	}
	digits := 0
	for _, c := range strconv.FormatFloat(size, 'e', -1, width) {
		if c == 'e' {
			break
		}
		if c != '.' {
			digits++
		}
	}
	return min(fraction, 6+math.Log2(10)*float64(digits))
}

// noValue reports whether registers hold a pattern that makers use for "no value":
// an end of the signed range, all ones, a NaN or infinity.
func noValue(t modbus.Type, words []uint16, o modbus.Order) (raw uint64, ok bool) {
	for i := range words {
		w := words[i]
		if o == modbus.CDAB || o == modbus.DCBA {
			w = words[len(words)-1-i]
		}
		if o == modbus.BADC || o == modbus.DCBA {
			w = w<<8 | w>>8
		}
		raw = raw<<16 | uint64(w)
	}
	width := 16 * len(words)
	switch t {
	case modbus.U16, modbus.U32, modbus.U64:
		return raw, raw == math.MaxUint64>>(64-width)
	case modbus.I16, modbus.I32, modbus.I64:
		return raw, raw == 1<<(width-1) || raw == 1<<(width-1)-1
	case modbus.F32:
		return raw, raw == 0x7FC00000 || raw == 0xFFC00000 || raw == 0x7F800000
	}
	return 0, false
}

func allZero(words []uint16) bool {
	for _, w := range words {
		if w != 0 {
			return false
		}
	}
	return true
}

// texts are the texts with which words may begin: printable characters, at least
// four of them letters, digits or spaces, then only zeros. Changes of case within a
// word, as in random bytes, cost extra.
func texts(words []uint16) (out []candidate) {
	bits, letters := 14.0, 0
	var text []byte
	var before byte
	ended := false
	for i, c := range bytesOf(words) {
		switch {
		case c == 0:
			ended = true
			bits++
		case ended || c < ' ' || c > '~':
			return out
		case c == ' ' || isDigit(c) || isUpper(c) || isLower(c):
			bits += 5.2
			letters++
			if isLower(before) && isUpper(c) || isDigit(before) && isLower(c) {
				bits += 5
			}
		default:
			bits += 7
		}
		if c != 0 {
			text, before = append(text, c), c
		}
		if i%2 == 1 && letters >= 4 {
			out = append(out, candidate{Piece{Kind: Text, N: i/2 + 1, Text: string(text)}, bits})
		}
	}
	return out
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
func isUpper(c byte) bool { return c >= 'A' && c <= 'Z' }
func isLower(c byte) bool { return c >= 'a' && c <= 'z' }

package modbus

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
)

// Order is the order in which the bytes of a value are sent; the package
// comment explains the letters. The zero value is ABCD.
type Order uint8

// The orders of values of any size. Those that only values of four registers can
// have follow them by number and have no constants: ParseOrder gives them.
const (
	ABCD Order = iota // most significant byte first
	DCBA              // words and bytes swapped
	BADC              // bytes swapped
	CDAB              // words swapped
)

// OrderInfo describes an Order under one of its names.
type OrderInfo struct {
	Name    string   // that ParseOrder takes
	Bytes   int      // that the name is for; 0 = any
	Rare    bool     // no device is known to use it
	Aliases []string // what other programs call the order
	order   Order
}

// orders is the table of byte orders: first the four by the letters of four
// bytes, in the order of the constants, then by the letters of six and eight.
var orders = append([]OrderInfo{
	{"ABCD", 0, false, []string{"big", "big-endian", "ab"}, ABCD},
	{"DCBA", 0, false, []string{"little", "little-endian"}, DCBA},
	{"BADC", 0, false, []string{"byte", "ba"}, BADC},
	{"CDAB", 0, false, []string{"swap", "word"}, CDAB},
	{"ABCDEF", 6, false, nil, ABCD}, {"FEDCBA", 6, false, nil, DCBA}, {"BADCFE", 6, false, nil, BADC}, {"EFCDAB", 6, false, nil, CDAB},
}, eightLetters()...)

// quads are the orders of four registers by Order-CDAB-1.
var quads = makeQuads()

// quad says where the registers of a value stand: at[i] is the place of the i-th
// most significant one.
type quad struct {
	at    [4]uint8
	bytes bool // the two bytes of each register are swapped
}

func makeQuads() (out []quad) {
	for n := range 256 {
		q := quad{at: [4]uint8{uint8(n >> 6 & 3), uint8(n >> 4 & 3), uint8(n >> 2 & 3), uint8(n & 3)}}
		seen := 0
		for _, at := range q.at {
			seen |= 1 << at
		}
		if seen == 15 && q.uniform() < 0 {
			out = append(out, q, quad{q.at, true})
		}
	}
	return out
}

// uniform is the order of any size that q equals, -1 = none.
func (q quad) uniform() int {
	for o, like := range []quad{ABCD: {at: [4]uint8{0, 1, 2, 3}}, DCBA: {[4]uint8{3, 2, 1, 0}, true}, BADC: {[4]uint8{0, 1, 2, 3}, true}, CDAB: {at: [4]uint8{3, 2, 1, 0}}} {
		if q == like {
			return o
		}
	}
	return -1
}

// letters is the name of the order: eight letters as they are sent.
func (q quad) letters() string {
	var b [8]byte
	for i, at := range q.at {
		b[2*at], b[2*at+1] = byte('A'+2*i), byte('B'+2*i)
		if q.bytes {
			b[2*at], b[2*at+1] = b[2*at+1], b[2*at]
		}
	}
	return string(b[:])
}

// usual tells whether devices use the order: the halves of the value, the halves
// of each half and the bytes of each register are swapped, or not.
func (q quad) usual() bool { return q.at[0]/2 == q.at[1]/2 && q.at[0]%2 == q.at[2]%2 }

// eightLetters are the orders of four registers by name, the usual ones first.
func eightLetters() (out []OrderInfo) {
	for o, name := range []string{ABCD: "ABCDEFGH", DCBA: "HGFEDCBA", BADC: "BADCFEHG", CDAB: "GHEFCDAB"} {
		out = append(out, OrderInfo{Name: name, Bytes: 8, order: Order(o)})
	}
	for _, rare := range []bool{false, true} {
		for i, q := range makeQuads() {
			if q.usual() != rare {
				out = append(out, OrderInfo{Name: q.letters(), Bytes: 8, Rare: rare, order: CDAB + 1 + Order(i)})
			}
		}
	}
	return out
}

// Orders describes every order under each of its names.
func Orders() []OrderInfo { return slices.Clone(orders) }

// ParseOrder takes the name of an order; empty means ABCD.
func ParseOrder(s string) (Order, error) {
	for _, o := range orders {
		if s == o.Name || s == "" {
			return o.order, nil
		}
	}
	return 0, fmt.Errorf("order %q: want ABCD, DCBA, BADC or CDAB, or eight letters such as EFGHABCD", s)
}

// String gives the name that ParseOrder takes.
func (o Order) String() string {
	switch i := int(o) - int(CDAB) - 1; {
	case i < 0:
		return orders[o].Name
	case i < len(quads):
		return quads[i].letters()
	}
	return "order " + strconv.Itoa(int(o))
}

// fits tells whether values of n registers can have the order.
func (o Order) fits(n int) bool { return o <= CDAB || n == 4 && int(o) <= int(CDAB)+len(quads) }

// SwapsBytes tells whether the two bytes of each register are swapped.
func (o Order) SwapsBytes() bool {
	return o == BADC || o == DCBA || o > CDAB && quads[o-CDAB-1].bytes
}

// word decodes one register.
func (o Order) word(b []byte) uint16 {
	if o.SwapsBytes() {
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
		switch {
		case swapped:
			at = 2 * (n - 1 - i)
		case o > CDAB:
			at = 2 * int(quads[o-CDAB-1].at[i])
		}
		u = u<<16 | uint64(o.word(b[at:]))
	}
	return u
}

package modbus

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"

	"iot-edge-anomaly/drivers"
)

// Table is one of the four tables of a device, V1.1b3 §4.3. Its number is the
// function code that reads it.
type Table uint8

// The tables.
const (
	Coil     Table = 1 // §6.1
	Discrete Table = 2 // §6.2
	Holding  Table = 3 // §6.3
	Input    Table = 4 // §6.4
)

var tableNames = map[Table]string{Coil: "coil", Discrete: "discrete", Holding: "holding", Input: "input"}

// String gives the name that ParseAt takes.
func (t Table) String() string {
	if s, ok := tableNames[t]; ok {
		return s
	}
	return "table " + strconv.Itoa(int(t))
}

func (t Table) bits() bool { return t == Coil || t == Discrete }

// limit is what one request may ask for: bits or registers.
func (t Table) limit() int {
	if t.bits() {
		return 2000 // §6.1: 0x7D0
	}
	return 125 // §6.3: 0x7D
}

// Type says how the bits of a register are read as a number.
type Type uint8

// The types. Bit is for coils and discrete inputs, the others for registers.
const (
	Bit Type = iota + 1
	U16
	I16
	U32
	I32
	F32
)

var typeNames = map[Type]string{Bit: "bit", U16: "u16", I16: "i16", U32: "u32", I32: "i32", F32: "f32"}

// String gives the name that ParseType takes.
func (t Type) String() string {
	if s, ok := typeNames[t]; ok {
		return s
	}
	return "type " + strconv.Itoa(int(t))
}

// size is how many registers (of a bit: bits) the type takes.
func (t Type) size() int {
	if t >= U32 {
		return 2
	}
	return 1
}

// ParseType takes "bit", "u16", "i16", "u32", "i32" or "f32".
func ParseType(s string) (Type, error) {
	for t, name := range typeNames {
		if s == name {
			return t, nil
		}
	}
	return 0, fmt.Errorf("type %q: want bit, u16, i16, u32, i32 or f32", s)
}

// Order is the order in which the bytes of a value are sent; the package
// comment explains the letters. The zero value is ABCD.
type Order uint8

// The orders.
const (
	ABCD Order = iota
	DCBA
	BADC
	CDAB
)

var orderNames = [...]string{"ABCD", "DCBA", "BADC", "CDAB"}

// String gives the name that ParseOrder takes.
func (o Order) String() string {
	if int(o) < len(orderNames) {
		return orderNames[o]
	}
	return "order " + strconv.Itoa(int(o))
}

// ParseOrder takes "ABCD", "DCBA", "BADC" or "CDAB"; empty means ABCD.
func ParseOrder(s string) (Order, error) {
	if s == "" {
		return ABCD, nil
	}
	for o, name := range orderNames {
		if s == name {
			return Order(o), nil
		}
	}
	return 0, fmt.Errorf("order %q: want ABCD, DCBA, BADC or CDAB", s)
}

// ParseAt takes "holding:40", "input:16", "coil:3" or "discrete:1", the number
// decimal or hexadecimal (0x28). Base is the number of a table's first element
// in the device's manual, 0 or 1; the address returned counts from 0 as on the
// wire.
func ParseAt(s string, base int) (Table, uint16, error) {
	name, number, ok := strings.Cut(s, ":")
	if !ok {
		return 0, 0, fmt.Errorf("register %q: want a table and an address, as in input:16", s)
	}
	if base != 0 && base != 1 {
		return 0, 0, fmt.Errorf("register %q: address base %d, want 0 or 1", s, base)
	}
	for t, known := range tableNames {
		if name != known {
			continue
		}
		at, err := parseAddress(number)
		if err != nil || at < base || at-base > math.MaxUint16 {
			return 0, 0, fmt.Errorf("register %q: address %q, want %d to %d", s, number, base, math.MaxUint16+base)
		}
		return t, uint16(at - base), nil
	}
	return 0, 0, fmt.Errorf("register %q: table %q, want coil, discrete, holding or input", s, name)
}

// parseAddress reads a leading zero as decimal: manuals pad addresses.
func parseAddress(s string) (int, error) {
	base := 10
	if hex, ok := strings.CutPrefix(s, "0x"); ok {
		s, base = hex, 16
	}
	n, err := strconv.ParseUint(s, base, 31)
	return int(n), err
}

// Register is one channel of a device: where its bits stand and what they mean.
type Register struct {
	Name     string
	Quantity drivers.Quantity
	Table    Table
	Address  uint16 // of the first register, from 0
	Type     Type
	Order    Order
	Scale    float64 // value = raw*Scale + Offset; 0 is refused by New
	Offset   float64
}

// String names the register's place, "input 16".
func (r Register) String() string { return fmt.Sprintf("%v %d", r.Table, r.Address) }

// end is the first address after the register.
func (r Register) end() int { return int(r.Address) + r.Type.size() }

func (r Register) check() error {
	_, known := typeNames[r.Type]
	switch {
	case tableNames[r.Table] == "":
		return fmt.Errorf("%v: unknown", r.Table)
	case !known:
		return fmt.Errorf("%v: unknown", r.Type)
	case r.Table.bits() != (r.Type == Bit):
		return fmt.Errorf("type %v does not fit table %v", r.Type, r.Table)
	case int(r.Order) >= len(orderNames):
		return fmt.Errorf("%v: unknown", r.Order)
	case r.end() > math.MaxUint16+1:
		return fmt.Errorf("%v ends beyond address %d", r, math.MaxUint16)
	case r.Scale == 0 || !finite(r.Scale):
		return fmt.Errorf("scale %v: want a finite number other than 0", r.Scale)
	case !finite(r.Offset):
		return fmt.Errorf("offset %v: want a finite number", r.Offset)
	}
	return nil
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// decode returns the register's value from the bytes of its own registers.
// -2 as I16, scale 0.1, offset 5: FF FE -> -2*0.1 + 5 = 4.8.
func (r Register) decode(b []byte) float64 {
	var raw float64
	switch r.Type {
	case U16:
		raw = float64(r.Order.word(b))
	case I16:
		raw = float64(int16(r.Order.word(b)))
	case U32:
		raw = float64(r.Order.double(b))
	case I32:
		raw = float64(int32(r.Order.double(b)))
	case F32:
		raw = float64(math.Float32frombits(r.Order.double(b)))
	}
	return r.scaled(raw)
}

// scaled rounds the product before the sum: no fused multiply-add.
func (r Register) scaled(raw float64) float64 { return float64(raw*r.Scale) + r.Offset }

func (o Order) word(b []byte) uint16 {
	if o == BADC || o == DCBA {
		return binary.LittleEndian.Uint16(b)
	}
	return binary.BigEndian.Uint16(b)
}

func (o Order) double(b []byte) uint32 {
	first, second := uint32(o.word(b)), uint32(o.word(b[2:]))
	if o == CDAB || o == DCBA {
		return second<<16 | first
	}
	return first<<16 | second
}

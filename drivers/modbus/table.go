package modbus

import (
	"fmt"
	"math"
	"strconv"
	"strings"
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

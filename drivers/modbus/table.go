package modbus

import (
	"fmt"
	"strconv"
)

// Table is one of the four tables of a device, V1.1b3 §4.3. Its value is the
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

// String gives the name that ParseTable takes.
func (t Table) String() string {
	if s, ok := tableNames[t]; ok {
		return s
	}
	return "table " + strconv.Itoa(int(t))
}

func (t Table) bits() bool { return t == Coil || t == Discrete }

// other is the other table of bits, or of registers.
func (t Table) other() Table {
	return map[Table]Table{Coil: Discrete, Discrete: Coil, Holding: Input, Input: Holding}[t]
}

// limit is the most that one request may ask for, in bits or in registers of a
// width in bytes, 2 or 4.
func (t Table) limit(width int) int {
	switch {
	case t.bits():
		return 2000 // §6.1: 0x7D0
	case width == 4:
		return 62 // as many bytes as 124 registers
	}
	return 125 // §6.3: 0x7D
}

// ParseTable parses "coil", "discrete", "holding" or "input".
func ParseTable(s string) (Table, error) {
	for t, known := range tableNames {
		if s == known {
			return t, nil
		}
	}
	return 0, fmt.Errorf("table %q: want coil, discrete, holding or input", s)
}

package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Address is the place of a register, coil or discrete input as manuals write
// it.
type Address struct {
	Table string // "holding", "input", "coil", "discrete"
	At    int    // counts from the base that it was parsed with
	Bit   int    // of the register; -1 = the whole

	// Plain is the number as it was written where its first digit named the table,
	// such as 30775. Empty: the table was named.
	Plain string
}

// Otherwise names the other addresses that a plain number of five digits may mean:
// many manuals number registers from 0 or 1 up to 65535, and their 30775 is not the
// 775th input register. It is empty where there are none.
func (a Address) Otherwise() string {
	if n, err := strconv.Atoi(a.Plain); err == nil && len(a.Plain) == 5 && n < 0x10000 {
		return fmt.Sprintf(`"holding:%d" or "input:%[1]d", or one lower, if the manual numbers its registers so`, n)
	}
	return ""
}

// usualNumber is up to where numbers such as 30400 are mostly meant as manuals of
// the old notation mean them.
const usualNumber = 500

// tables are the four tables of Modbus (Application Protocol V1.1b3 §4.3), each
// with the digit that names it in manuals. §4.4 leaves that notation to the
// vendors.
var tables = []struct {
	name  string
	digit int
}{{"holding", 4}, {"input", 3}, {"discrete", 1}, {"coil", 0}}

func tableNames() (names []string) {
	for _, t := range tables {
		names = append(names, t.name)
	}
	return names
}

// tableAliases are what other programs call the tables.
var tableAliases = map[string]string{
	"hold": "holding", "hr": "holding", "holding_register": "holding", "ir": "input", "input_register": "input", "di": "discrete", "discrete_input": "discrete", "co": "coil",
}

// hasBits tells whether a table holds bits rather than registers.
func hasBits(table string) bool { return table == "coil" || table == "discrete" }

// ParseAddress reads an address in one of two notations. "holding:40" and
// "holding:0x28" count from base, 0 or 1. In 40041, 400041, 30017 and 10003 the
// first digit names the table, and the rest counts from 1 whatever base is. Both
// may end in the bit of a register, "holding:40.3". The error is a *Fault.
func ParseAddress(s string, base int) (Address, error) {
	place, bit, hasBit := strings.Cut(s, ".")
	a := Address{Bit: -1}
	if hasBit {
		n, err := strconv.ParseUint(bit, 10, 8)
		if err != nil || n > 15 {
			return a, &Fault{Message: fmt.Sprintf("%q is not a bit of a register", quoteShort(bit)), Hint: "use 0 (least significant) to 15"}
		}
		a.Bit = int(n)
	}
	var err *Fault
	if table, number, found := strings.Cut(place, ":"); found {
		a.Table, a.At, err = tableAndNumber(table, number, base)
	} else {
		a.Table, a.At, err = modicon(place, base)
		a.Plain = place
	}
	if err != nil {
		return a, err
	}
	if hasBit && hasBits(a.Table) {
		return a, &Fault{Message: "table " + a.Table + " has bits, not registers with bits", Hint: "write " + place}
	}
	return a, nil
}

func tableAndNumber(table, number string, base int) (string, int, *Fault) {
	if names := tableNames(); !slices.Contains(names, table) {
		hint := didYouMean(table, names)
		if meant := tableAliases[strings.ToLower(table)]; meant != "" {
			hint = `did you mean "` + meant + `"?`
		}
		return "", 0, &Fault{Message: fmt.Sprintf("unknown table %q", quoteShort(table)), Hint: hint}
	}
	n, ok := addressNumber(number)
	if !ok {
		return "", 0, &Fault{Message: fmt.Sprintf("%q is not a number from 0 to 65536", quoteShort(number)), Hint: `write it like "holding:40"`}
	}
	if n < base || n > 0xFFFF+base {
		hint := fmt.Sprintf("address_base is %d, so use %d to %d", base, base, 0xFFFF+base)
		if t, at, err := modicon(number, base); err == nil && t == table {
			hint = fmt.Sprintf("write at: %s or %s:%d", number, t, at)
		}
		return "", 0, &Fault{Message: fmt.Sprintf("%s:%d is outside the table", table, n), Hint: hint}
	}
	return table, n, nil
}

// addressNumber reads a number in decimal, also with leading zeros, because
// manuals pad addresses; or in hexadecimal with 0x.
func addressNumber(s string) (int, bool) {
	base := 10
	if hex, ok := strings.CutPrefix(s, "0x"); ok {
		s, base = hex, 16
	}
	n, err := strconv.ParseUint(s, base, 31)
	return int(n), err == nil
}

// modicon reads the notation of manuals: one digit for the table, then four or five
// digits for the number, which counts from 1.
func modicon(s string, base int) (string, int, *Fault) {
	n, err := strconv.ParseUint(s, 10, 31)
	if err != nil {
		return "", 0, &Fault{Message: fmt.Sprintf("%q is not an address", quoteShort(s)), Hint: `write it like "holding:40"`}
	}
	message := s + " does not say which table"
	if len(s) != 5 && len(s) != 6 {
		return "", 0, &Fault{Message: message, Hint: fmt.Sprintf(`write "holding:%d" or "input:%[1]d"`, n)}
	}
	per := 10_000 // 10 to the number of digits after the first
	if len(s) == 6 {
		per = 100_000
	}
	digit, number := int(n)/per, int(n)%per
	for _, t := range tables {
		switch {
		case t.digit != digit:
		case digit == 0 && number > 0:
			return "", 0, &Fault{Message: s + " may be a coil or a padded address", Hint: fmt.Sprintf(`write "coil:%d" or "holding:%d"`, number-1+base, n)}
		case number < 1 || number > 0x10000:
			first, last := digit*per+1, digit*per+min(per-1, 0x10000)
			hint := fmt.Sprintf("use %d to %d", first, last)
			if n < 0x10000 {
				hint = fmt.Sprintf(`write %d for the first, or "%s:%d" if the manual counts so`, first, t.name, n)
			}
			return "", 0, &Fault{Message: s + " is out of range", Hint: hint}
		default:
			return t.name, number - 1 + base, nil
		}
	}
	return "", 0, &Fault{Message: message, Hint: fmt.Sprintf(`write "holding:%d" or "input:%[1]d"`, n)}
}

// at reads the place of a register. To YAML, 40041 and 40041.3 are numbers.
func (r *registerReader) at(v value) {
	s := v.node.Value
	if tag := v.node.ShortTag(); tag != "!!int" && tag != "!!float" {
		var ok bool
		if s, ok = v.text(); !ok {
			return
		}
	}
	a, err := ParseAddress(s, r.s.AddressBase)
	if a.Bit >= 0 || strings.Contains(s, ".") {
		r.Bit = max(a.Bit, 0)
		r.setType(typeBit)
	}
	if !v.addressFault(err) {
		return
	}
	r.Table, r.At, r.Plain = a.Table, a.At, a.Plain
	if other := a.Otherwise(); other != "" && !hasBits(a.Table) && a.At-r.s.AddressBase >= usualNumber {
		v.warn(fmt.Sprintf(`write "%s:%d" if that is right; else %s`, a.Table, a.At, other),
			"%s is taken as the number %d of the %s registers", a.Plain, a.At-r.s.AddressBase+1, a.Table)
	}
}

// addressFault reports the error of ParseAddress, and tells whether there is none.
func (v value) addressFault(err error) bool {
	if f, ok := err.(*Fault); ok { // ParseAddress returns no other
		return v.fail(f.Hint, "%s", f.Message)
	}
	return true
}

// neverRead reads ranges such as "holding:100-120" or "40101-40121".
func (s *sensorReader) neverRead(v value) {
	v.list(func(_ int, v value) {
		text := v.node.Value
		if v.node.ShortTag() != "!!int" {
			var ok bool
			if text, ok = v.text(); !ok {
				return
			}
		}
		first, last, isRange := strings.Cut(text, "-")
		a, err := ParseAddress(first, s.AddressBase)
		if !v.addressFault(err) {
			return
		}
		b := a
		if isRange {
			if table, _, found := strings.Cut(first, ":"); found && !strings.Contains(last, ":") {
				last = table + ":" + last
			}
			if b, err = ParseAddress(last, s.AddressBase); !v.addressFault(err) {
				return
			}
		}
		if a.Table != b.Table || a.At > b.At || a.Bit >= 0 || b.Bit >= 0 {
			v.fail(`write it like "holding:100-120"`, "%q is not a range of registers", quoteShort(text))
			return
		}
		s.NeverRead = append(s.NeverRead, RegisterRange{a.Table, a.At, b.At})
	})
}

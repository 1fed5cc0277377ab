package commission

import (
	"fmt"
	"strings"

	"iot-edge-anomaly/drivers/modbus"
	"iot-edge-anomaly/drivers/modbus/guess"
)

// wideTable prints types of n registers in the four orders.
func (v *modbusView) wideTable(n int, title string, types ...modbus.Type) {
	names := []string{"ABCD", "CDAB", "BADC", "DCBA"}
	switch n {
	case 3:
		names = []string{"ABCDEF", "EFCDAB", "BADCFE", "FEDCBA"}
	case 4:
		names = []string{"ABCDEFGH", "GHEFCDAB", "BADCFEHG", "HGFEDCBA"}
	}
	printed := false
	for k, run := range v.runs {
		for j := 0; j+n <= len(run); j++ {
			i := v.starts[k] + j
			if v.Wide && i%2 == 1 {
				continue // half of a register
			}
			byType := map[modbus.Type][]guess.Reading{}
			for _, r := range guess.Readings(run[j : j+n]) {
				if r.Order <= modbus.CDAB { // a column each; others are found by --find
					byType[r.Type] = append(byType[r.Type], r)
				}
			}
			first := true
			for _, t := range types {
				rs := byType[t]
				if !v.tells(i, t, rs, n) {
					continue
				}
				if !printed {
					v.printf("BASE0  BASE1   %dXXXX %s%10s%14s%14s%14s\n", v.digit(), title, names[0], names[1], names[2], names[3])
					printed = true
				}
				if first {
					v.places(i)
					first = false
				} else {
					v.printf("%20s", "")
				}
				v.printf(" %-6v%s\n", t, v.columns(i, rs))
			}
		}
	}
	if printed {
		v.printf("\n")
	}
}

// columns are the readings of one type in the four orders; one that is no number of
// the type is left out.
func (v *modbusView) columns(i int, rs []guess.Reading) string {
	var b strings.Builder
	for k, o := range []modbus.Order{modbus.ABCD, modbus.CDAB, modbus.BADC, modbus.DCBA} {
		text := ""
		for _, r := range rs {
			if r.Order == o {
				text = v.marked(i, r)
			}
		}
		width := 14
		if k == 0 {
			width = 11 // the type has the rest
		}
		fmt.Fprintf(&b, "%*s", width, text)
	}
	return strings.TrimRight(b.String(), " ")
}

// tells reports whether a line of the wide table is worth printing. Zeros and parts
// of a text are not, and neither is a signed type that equals the unsigned one.
func (v *modbusView) tells(i int, t modbus.Type, rs []guess.Reading, n int) bool {
	zero, negative := true, false
	for _, w := range v.words[i : i+n] {
		zero = zero && w.value == 0
	}
	for _, r := range rs {
		negative = negative || r.Value < 0
	}
	if v.All && len(rs) > 0 {
		return true
	}
	if t > modbus.F64 && (t != modbus.BCD32 || !v.bcd || v.Brief) || len(rs) == 0 {
		return false
	}
	if zero || v.inText(i, n) || (t == modbus.I32 || t == modbus.I64) && !negative {
		return false
	}
	return v.worthy(i, rs) || n < 4 && !v.Brief
}

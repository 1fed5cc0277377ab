package commission

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"iot-edge-anomaly/drivers/modbus"
	"iot-edge-anomaly/drivers/modbus/guess"
)

// yaml prints a configuration to begin with.
func (v *modbusView) yaml() {
	v.printf("# A guess from one look: names, units, scales and limits are yours to give,\n# and u16 may be i16 where it can go below 0.\n")
	v.printf("buses:\n  line: {modbus: %q}\nsensors:\n  - name: device\n    driver: modbus\n    bus: line\n    unit: %d\n", v.URL, v.Unit)
	if v.Base != 0 {
		v.printf("    address_base: %d\n", v.Base)
	}
	if never := v.refused(); len(never) > 0 {
		v.printf("    never_read: [%s]   # refused\n", strings.Join(never, ", "))
	}
	v.printf("    registers:\n")
	if v.bits() {
		for i, w := range v.words {
			if w.err == nil {
				v.printf("      - {name: %s, at: %q}   # %d\n", v.name(i), v.at(i), w.value)
			}
		}
		return
	}
	if v.Wide {
		v.wideYAML()
		return
	}
	for k, pieces := range v.pieces {
		for _, p := range pieces {
			v.piece(v.starts[k]+p.First, p)
		}
	}
	v.dates()
}

func (v *modbusView) piece(i int, p guess.Piece) {
	switch p.Kind {
	case guess.Text:
		v.printf("      # %s is text: %q\n", v.span(i, p.N), strings.TrimSpace(p.Text))
	case guess.Zero:
		v.printf("      # %s: 0, which says nothing; look again while it runs\n", v.span(i, p.N))
	case guess.NoValue:
		v.printf("      - {name: %s, at: %q, %s, missing: [%#x]}   # reads like \"no value\"\n", v.name(i), v.at(i), typeAndOrder(p.Reading), p.Raw)
	default:
		v.printf("      - {name: %s, at: %q, %s}   # %s\n", v.name(i), v.at(i), typeAndOrder(p.Reading), v.remark(i, p))
	}
}

// remark is the value, and other values that may begin at the same register.
func (v *modbusView) remark(i int, p guess.Piece) string {
	s := number(p.Reading)
	if p.Value == -1 {
		s += `, or "no value"`
	}
	for _, r := range guess.Readings(v.from(i)) {
		if r.Plausible && r.Order == v.order && p.N == 1 && r.Type.Registers() == 2 {
			s += fmt.Sprintf("; or %v: %s", r.Type, number(r))
		}
		if v.suspects(p, r) {
			s += fmt.Sprintf("; or %v: %s", r.Type, number(r))
		}
	}
	return s
}

// suspects tells whether a piece of the map may as well be of a type that maps do not
// have: BCD where all registers look like it, sign and magnitude where two's
// complement gives a large negative number.
func (v *modbusView) suspects(p guess.Piece, r guess.Reading) bool {
	if r.Order != p.Order || r.Type.Registers() != p.N {
		return false
	}
	switch r.Type {
	case modbus.BCD16, modbus.BCD32:
		return v.bcd
	case modbus.S16, modbus.S32:
		return r.Value < 0 && r.Value > -10_000
	}
	return false
}

// dates prints which registers hold a date.
func (v *modbusView) dates() {
	for k, run := range v.runs {
		for _, d := range guess.Dates(run, time.Now()) {
			v.printf("      # %s reads like a date, type: %v: %s\n", v.span(v.starts[k]+d.First, d.Type.Registers()), d.Type, d.Time.Format("2006-01-02 15:04:05"))
		}
	}
}

func typeAndOrder(r guess.Reading) string {
	order := r.Order
	if r.Type.Registers() == 1 {
		order = modbus.ABCD
		if r.Order.SwapsBytes() {
			order = modbus.BADC
		}
	}
	if order == modbus.ABCD {
		return fmt.Sprintf("type: %v", r.Type)
	}
	return fmt.Sprintf("type: %v, order: %v", r.Type, order)
}

// at is the address of a register as the user counts.
func (v *modbusView) at(i int) string { return fmt.Sprintf("%v:%d", v.table, v.wire(i)+v.Base) }

func (v *modbusView) name(i int) string { return fmt.Sprintf("%v%d", v.table, v.wire(i)+v.Base) }

func (v *modbusView) span(i, n int) string {
	if v.wire(i) == v.wire(i+n-1) {
		return v.at(i)
	}
	return fmt.Sprintf("%s-%d", v.at(i), v.wire(i+n-1)+v.Base)
}

// refused are the ranges that the device refused, between ranges that it gave.
func (v *modbusView) refused() (out []string) {
	for k := 1; k < len(v.runs); k++ {
		end := v.starts[k-1] + len(v.runs[k-1])
		if slices.ContainsFunc(v.words[end:v.starts[k]], func(w word) bool { return !refused(w.err) }) {
			continue // silence or noise: there may be a value
		}
		out = append(out, fmt.Sprintf("%q", v.span(end, v.starts[k]-end)))
	}
	return out
}

func ms(d time.Duration) string {
	if d >= time.Second {
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return fmt.Sprintf("%.1f ms", math.Round(float64(d.Microseconds())/100)/10)
}

// The JSON form of a scan.
type (
	modbusJSON struct {
		URL       string         `json:"url"`
		Unit      uint8          `json:"unit"`
		Table     string         `json:"table"`
		First     int            `json:"first"` // on the wire, from 0
		Count     int            `json:"count"`
		Requests  int            `json:"requests"`
		MS        float64        `json:"ms"`
		Order     string         `json:"order"` // that fits best
		Registers []registerJSON `json:"registers"`
		YAML      string         `json:"yaml"`
	}
	registerJSON struct {
		Wire     int           `json:"wire"`     // from 0
		Number   int           `json:"number"`   // from 1
		Notation string        `json:"notation"` // 40101
		Hex      string        `json:"hex,omitempty"`
		Error    string        `json:"error,omitempty"`
		Readings []readingJSON `json:"readings,omitempty"`
	}
	readingJSON struct {
		Type      string   `json:"type"`
		Order     string   `json:"order,omitempty"`
		Value     *float64 `json:"value"` // null = not a number
		Plausible bool     `json:"plausible"`
		Chosen    bool     `json:"chosen"`
	}
)

func (v *modbusView) json() modbusJSON {
	out := modbusJSON{URL: v.URL, Unit: v.Unit, Table: v.table.String(), First: v.first, Count: v.Count, Requests: v.requests,
		MS: float64(v.took.Microseconds()) / 1000, Order: v.order.String(), Registers: []registerJSON{}}
	for i, w := range v.words {
		if v.Wide && i%2 == 1 && w.err == nil {
			continue // half of a register
		}
		at := v.wire(i)
		r := registerJSON{Wire: at, Number: at + 1, Notation: v.notation(at)}
		switch {
		case w.err != nil:
			r.Error = w.err.Error()
		case v.bits():
			value := float64(w.value)
			r.Readings = []readingJSON{{Type: "bit", Value: &value}}
		default:
			r.Hex = fmt.Sprintf("%04X", w.value)
			if v.Wide {
				r.Hex += fmt.Sprintf("%04X", v.words[i+1].value)
			}
			for _, g := range v.readings(i) {
				j := readingJSON{Type: g.Type.String(), Order: g.Order.String(), Plausible: g.Plausible, Chosen: v.chosen(i, g)}
				if value := g.Value; !math.IsNaN(value) && !math.IsInf(value, 0) {
					j.Value = &value
				}
				r.Readings = append(r.Readings, j)
			}
		}
		out.Registers = append(out.Registers, r)
	}
	v.yaml()
	out.YAML = v.out.String()
	return out
}

// from are at most four consecutive registers that were read.
func (v *modbusView) from(i int) []uint16 {
	for k, run := range v.runs {
		if j := i - v.starts[k]; j >= 0 && j < len(run) {
			return run[j:min(j+4, len(run))]
		}
	}
	return nil
}

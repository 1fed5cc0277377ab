package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

const yamlSequence = yaml.SequenceNode

func (v value) registers(s *Sensor) {
	byName := map[string]Pos{}
	v.list(func(_ int, v value) {
		r := Register{Pos: v.pos, Scale: 1, Order: "ABCD"}
		v.register(s, &r)
		if first, twice := byName[r.Name]; twice && r.Name != "" {
			v.fail("", "register %q stands here a second time, first in line %d", r.Name, first.Line)
		}
		byName[r.Name] = r.Pos
		for _, o := range s.Registers {
			if r.Table != "" && r.Table == o.Table && r.At < o.At+o.words() && o.At < r.At+r.words() {
				v.warn("", "%s reads the same registers as %s", r.Name, o.Name)
			}
		}
		s.Registers = append(s.Registers, r)
	})
	if v.node.Kind == yamlSequence && len(v.node.Content) == 0 {
		v.fail("", "the list is empty, want at least one register")
	}
}

// words is the number of addresses that a register takes.
func (r *Register) words() int {
	if strings.HasSuffix(r.Type, "32") {
		return 2
	}
	return 1
}

// typeAliases are the names that other programs and manuals give to our types.
var typeAliases = map[string]string{
	"bool": "bit", "uint16": "u16", "int16": "i16", "s16": "i16", "short": "i16", "word": "u16",
	"uint32": "u32", "int32": "i32", "s32": "i32", "dword": "u32", "long": "i32",
	"float32": "f32", "float": "f32", "real": "f32",
}

// orderAliases are what other programs call the byte orders.
var orderAliases = map[string]string{
	"big": "ABCD", "big-endian": "ABCD", "little": "DCBA", "little-endian": "DCBA",
	"swap": "CDAB", "word": "CDAB", "byte": "BADC",
}

func (v value) register(s *Sensor, r *Register) {
	given := map[string]value{}
	note := func(name string, read func(value)) field {
		return key(name, func(v value) { given[name] = v; read(v) })
	}
	ok := v.object(map[string]string{"address": `write at: "holding:40"`},
		need("name", func(v value) { v.label(&r.Name) }),
		need("at", func(v value) { v.at(r) }),
		note("type", func(v value) {
			v.enum(&r.Type, "type", typeAliases, "bit", "u16", "i16", "u32", "i32", "f32")
		}),
		note("order", func(v value) {
			v.enum(&r.Order, "byte order", orderAliases, "ABCD", "DCBA", "BADC", "CDAB")
		}),
		note("scale", func(v value) {
			if v.number(&r.Scale) && r.Scale == 0 {
				v.fail("every value would read as the offset", "scale is 0")
			}
		}),
		note("offset", func(v value) { v.number(&r.Offset) }),
		key("unit", func(v value) { v.unitOf(&r.UnitOf) }),
		key("range", func(v value) { r.Range = v.rangeOf() }),
		key("limits", func(v value) { r.Limits = v.limitsOf(r.Range) }),
	)
	if !ok {
		return
	}
	v.checkType(r, given)
	v.checkAddress(s, r)
}

// checkType makes table and type agree: coils and discrete inputs are bits,
// registers are not.
func (v value) checkType(r *Register, given map[string]value) {
	_, has := given["type"]
	switch {
	case r.Table == "coil" || r.Table == "discrete":
		if r.Type != "" && r.Type != "bit" {
			given["type"].fail("write type: bit or leave it out", "table %s has bits, not %s", r.Table, r.Type)
		}
		r.Type = "bit"
		for _, k := range []string{"order", "scale", "offset"} {
			if at, has := given[k]; has {
				at.fail("remove it", "a bit has no %s", k)
			}
		}
	case !has:
		v.fail("use u16, i16, u32, i32 or f32", "key %q is missing", "type")
	case r.Type == "bit" && r.Table != "":
		given["type"].fail("use coil:N or discrete:N, or type: u16", "table %s has no bits", r.Table)
	}
}

// checkAddress keeps every word within the 65536 addresses of a table (Modbus
// Application Protocol V1.1b3 §4.3).
func (v value) checkAddress(s *Sensor, r *Register) {
	if r.Table == "" {
		return
	}
	first := r.At - s.AddressBase
	if last := first + r.words() - 1; first < 0 || last > 0xFFFF {
		v.fail(fmt.Sprintf("address_base is %d, so use %d to %d", s.AddressBase, s.AddressBase, 0xFFFF+s.AddressBase-r.words()+1),
			"register %s:%d is outside the table", r.Table, r.At)
	}
}

// at reads "holding:40".
func (v value) at(r *Register) {
	if v.node.ShortTag() == "!!int" {
		v.fail(modiconHint(v.node.Value), "want table and number, got %s", v.kind())
		return
	}
	var s string
	if !v.text(&s) {
		return
	}
	table, number, found := strings.Cut(s, ":")
	if !found {
		v.fail(`write such as "holding:40"`, "%q is no table and number", quoteShort(s))
		return
	}
	tables := []string{"holding", "input", "coil", "discrete"}
	known := false
	for _, t := range tables {
		known = known || t == table
	}
	if !known {
		v.fail(didYouMean(table, tables), "unknown table %q", quoteShort(table))
		return
	}
	n, err := strconv.ParseUint(number, 0, 32)
	if err != nil || n > 0x10000 {
		v.fail("", "%q is no number of 0 to 65536", quoteShort(number))
		return
	}
	r.Table, r.At = table, int(n)
}

// modiconHint translates the notation 40001 of manuals, which counts from 1
// and names the table by its first digit.
func modiconHint(s string) string {
	n, err := strconv.Atoi(s)
	if err != nil {
		return `write such as "holding:40"`
	}
	ranges := []struct {
		first int
		table string
	}{{40001, "holding"}, {30001, "input"}, {10001, "discrete"}, {400001, "holding"}, {300001, "input"}, {100001, "discrete"}}
	for _, r := range ranges {
		if n >= r.first && n < r.first+9999 || r.first > 100_000 && n >= r.first && n < r.first+65536 {
			return fmt.Sprintf(`write "%s:%d" with address_base: 1`, r.table, n-r.first+1)
		}
	}
	return fmt.Sprintf(`write "holding:%d" or "input:%d"`, n, n)
}

// unitOf reads a physical unit, which lands in messages and labels.
func (v value) unitOf(dst *string) {
	if v.text(dst) && len(*dst) > 16 {
		v.fail("", "the unit %q is longer than 16 bytes", quoteShort(*dst))
	}
}

// rangeOf reads [min, max].
func (v value) rangeOf() *Range {
	if v.node.Kind != yamlSequence || len(v.node.Content) != 2 {
		v.fail("", "want [min, max]")
		return nil
	}
	var ends [2]float64
	good := true
	v.list(func(i int, v value) { good = v.number(&ends[i]) && good })
	if !good {
		return nil
	}
	if ends[0] >= ends[1] {
		v.fail("", "min %g is not below max %g", ends[0], ends[1])
		return nil
	}
	return &Range{ends[0], ends[1]}
}

// limitsOf reads limits and checks that they can be crossed one after the
// other: alarm_low <= warn_low < warn <= alarm, all within the range, because
// a value outside it is suspect and never judged.
func (v value) limitsOf(within *Range) *Limits {
	nan := math.NaN()
	l := Limits{nan, nan, nan, nan}
	before := len(v.p.problems)
	inside := func(dst *float64) func(value) {
		return func(v value) {
			if v.number(dst) && within != nil && (*dst < within.Min || *dst > within.Max) {
				v.fail("a value outside its range is suspect and never judged", "%g is outside the range %g to %g", *dst, within.Min, within.Max)
			}
		}
	}
	if !v.object(nil,
		key("warn", inside(&l.Warn)), key("alarm", inside(&l.Alarm)),
		key("warn_low", inside(&l.WarnLow)), key("alarm_low", inside(&l.AlarmLow)),
	) {
		return nil
	}
	ordered := []struct {
		name  string
		value float64
	}{{"alarm_low", l.AlarmLow}, {"warn_low", l.WarnLow}, {"warn", l.Warn}, {"alarm", l.Alarm}}
	lastName, last := "", nan
	for _, o := range ordered {
		if math.IsNaN(o.value) {
			continue
		}
		touching := o.value == last && (lastName == "alarm_low") == (o.name == "warn_low")
		if o.value < last || o.value == last && !touching {
			v.fail("the order is alarm_low, warn_low, warn, alarm", "%s %g is not above %s %g", o.name, o.value, lastName, last)
		}
		lastName, last = o.name, o.value
	}
	if lastName == "" && len(v.p.problems) == before {
		v.fail("use warn, alarm, warn_low or alarm_low", "no limit is set")
	}
	return &l
}

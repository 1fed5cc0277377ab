package config

import (
	"fmt"
	"strconv"

	"go.yaml.in/yaml/v3"
)

const yamlSequence = yaml.SequenceNode

func (v value) registers(s *Sensor) {
	byName := map[string]Pos{}
	v.list(func(_ int, v value) {
		r := Register{Pos: v.pos, Scale: 1, Order: "ABCD"}
		v.register(s, &r)
		if first, twice := byName[r.Name]; twice && r.Name != "" {
			v.fail("give it another name", "register %q stands here a second time, first in line %d", r.Name, first.Line)
		}
		byName[r.Name] = r.Pos
		for _, o := range s.Registers {
			if r.Name != "" && o.Name != "" && r.overlaps(&o) {
				v.warn("remove one, unless both readings are meant", "%s reads the same registers as %s", r.Name, o.Name)
			}
		}
		s.Registers = append(s.Registers, r)
	})
	if v.node.Kind == yamlSequence && len(v.node.Content) == 0 {
		v.fail(`write such as {name: speed, at: "input:16", type: u16}`, "the list is empty, want at least one register")
	}
}

// overlaps tells whether two registers share some, which is a slip unless they
// are parts of one.
func (r *Register) overlaps(o *Register) bool {
	return r.Table != "" && r.Table == o.Table && r.At < o.At+o.words() && o.At < r.At+r.words() &&
		(r.width() > 8 && o.width() > 8 || r.Type == o.Type && r.Bit == o.Bit)
}

// typeAliases are the names that other programs, manuals and IEC 61131-3 give
// to our types.
var typeAliases = map[string]string{
	"bool": "bit", "u8": "u8l", "uint8": "u8l", "byte": "u8l", "uint8h": "u8h", "uint8l": "u8l",
	"uint16": "u16", "int16": "i16", "s16": "i16", "short": "i16", "word": "u16", "int": "i16", "uint": "u16",
	"uint32": "u32", "int32": "i32", "s32": "i32", "dword": "u32", "long": "i32", "dint": "i32", "udint": "u32",
	"uint64": "u64", "int64": "i64", "s64": "i64", "lword": "u64", "qword": "u64", "lint": "i64", "ulint": "u64",
	"float16": "f16", "half": "f16", "float32": "f32", "float": "f32", "real": "f32", "single": "f32",
	"float64": "f64", "double": "f64", "lreal": "f64",
}

// orderAliases are what other programs call the byte orders.
var orderAliases = map[string]string{
	"big": "ABCD", "big-endian": "ABCD", "little": "DCBA", "little-endian": "DCBA",
	"swap": "CDAB", "word": "CDAB", "byte": "BADC", "ab": "ABCD", "ba": "BADC",
}

// longOrders are the byte orders by the letters of eight bytes.
var longOrders = map[string]string{"ABCDEFGH": "ABCD", "HGFEDCBA": "DCBA", "BADCFEHG": "BADC", "GHEFCDAB": "CDAB"}

// otherRegisterKeys are what other programs call ours.
var otherRegisterKeys = map[string]string{
	"address": `write at: "holding:40"`, "register": `write at: "holding:40"`, "addr": `write at: "holding:40"`,
	"data_type": "write type:", "byte_order": "write order: CDAB", "swap": "write order: CDAB", "factor": "write scale:", "multiplier": "write scale:",
	"min": "write range: [min, max]", "max": "write range: [min, max]",
}

func (v value) register(s *Sensor, r *Register) {
	given := map[string]value{}
	note := func(name string, read func(value)) field {
		return key(name, func(v value) { given[name] = v; read(v) })
	}
	ok := v.object(otherRegisterKeys, append(checkKeys(&r.Checks),
		need("name", func(v value) { v.label(&r.Name) }),
		field{key: "at", need: true, read: func(v value) { given["at"] = v; v.at(r, s.AddressBase) }},
		note("bit", func(v value) { v.bit(r) }),
		note("type", func(v value) { v.typeOf(r) }),
		note("order", func(v value) { v.order(r) }),
		note("scale", func(v value) {
			if v.number(&r.Scale) && r.Scale == 0 {
				v.fail("every value would read as the offset", "scale is 0")
			}
		}),
		note("offset", func(v value) { v.number(&r.Offset) }),
		note("missing", func(value) {}),
		note("states", func(value) {}),
		key("unit", func(v value) { v.unitOf(&r.UnitOf) }),
		key("range", func(v value) { r.Range = v.rangeOf() }),
		key("limits", func(v value) { r.Limits = v.limitsOf(r.Range, r.UnitOf) }),
	)...)
	if !ok {
		return
	}
	v.checkType(r, given)
	v.checkPlace(s, r)
	// These need the type.
	if at, has := given["missing"]; has && r.Type != "" && r.Type != "bit" {
		at.missing(r)
	}
	if at, has := given["states"]; has && r.Type != "" {
		at.states(r)
	}
}

// bit reads the bit of a register, which may stand behind its address as well.
func (v value) bit(r *Register) {
	switch {
	case hasBits(r.Table):
		v.fail("remove it", "table %s has bits, not registers with bits", r.Table)
	case r.Type == "bit":
		v.fail("remove one of them", "the bit stands behind the address already")
	default:
		r.Type = "bit"
		v.integer(&r.Bit, 0, 15)
	}
}

// typeOf reads the type; that of a bit of a register is known already.
func (v value) typeOf(r *Register) {
	var t string
	if !v.enum(&t, "type", typeAliases, typeNames()...) {
		return
	}
	if r.Type == "bit" && t != "bit" {
		v.fail("write type: bit or leave it out", "one bit is no %s", t)
	}
	if r.Type == "" && t == "bit" && r.Table != "" && !hasBits(r.Table) {
		v.fail(fmt.Sprintf(`write at: "%s:%d.0" or bit: 0 for its least significant`, r.Table, r.At), "which of the register's 16 bits is not said")
	}
	r.Type = t
}

// order reads the byte order. Eight letters name the same swaps for 64 bits.
func (v value) order(r *Register) {
	if short := longOrders[v.node.Value]; short != "" {
		if r.Type != "" && r.words() != 4 {
			v.fail("did you mean "+strconv.Quote(short)+"?", "%s names eight bytes, %s has %d", v.node.Value, r.Type, 2*r.words())
		}
		r.Order = short
		return
	}
	v.enum(&r.Order, "byte order", orderAliases, "ABCD", "DCBA", "BADC", "CDAB")
}

// checkType makes table and type agree, and the other keys with them: coils and
// discrete inputs are bits.
func (v value) checkType(r *Register, given map[string]value) {
	_, has := given["type"]
	refuse := func(why string, keys ...string) {
		for _, k := range keys {
			if at, has := given[k]; has {
				at.fail("remove it", why, k)
			}
		}
	}
	if hasBits(r.Table) {
		if r.Type != "" && r.Type != "bit" {
			given["type"].fail("write type: bit or leave it out", "table %s has bits, not %s", r.Table, r.Type)
		}
		r.Type = "bit"
	}
	switch {
	case r.Type == "bit":
		refuse("a bit has no %s", "order", "scale", "offset", "missing")
	case r.Type == "u8h" || r.Type == "u8l":
		refuse("one byte has no %s, u8h and u8l say which", "order")
	case r.Table == "" && given["at"].node != nil: // a table of bits needs no type
	case r.Type == "" && !has:
		v.fail("use "+oneOf(typeNames()[1:])+", or bit: N", "key %q is missing", "type")
	}
	if _, has := given["states"]; has {
		refuse("the value of a channel with states is the state's number and has no %s", "scale", "offset")
	}
}

// checkPlace keeps every word within the 65536 addresses of a table (Modbus
// Application Protocol V1.1b3 §4.3) and the register within the sensor's plan.
func (v value) checkPlace(s *Sensor, r *Register) {
	if r.Table == "" {
		return
	}
	first := r.At - s.AddressBase
	if last := first + r.words() - 1; last > 0xFFFF {
		v.fail(fmt.Sprintf("address_base is %d, so use %d to %d", s.AddressBase, s.AddressBase, 0xFFFF+s.AddressBase-r.words()+1),
			"register %s:%d is outside the table", r.Table, r.At)
	}
	if s.MaxRegisters > 0 && !hasBits(r.Table) && r.words() > s.MaxRegisters { // 0: the driver is unknown
		v.fail("raise max_registers", "%s takes %d registers, max_registers is %d", r.Type, r.words(), s.MaxRegisters)
	}
	for _, n := range s.NeverRead {
		if n.Table == r.Table && r.At <= n.Last && n.First < r.At+r.words() {
			v.fail("remove one of both", "register %s:%d lies in %v, which is never_read", r.Table, r.At, n)
		}
	}
}

// unitOf reads a physical unit, which lands in messages and labels.
func (v value) unitOf(dst *string) {
	if v.text(dst) && len(*dst) > 16 {
		v.fail("shorten it", "the unit %q is longer than 16 bytes", quoteShort(*dst))
	}
}

// rangeOf reads [min, max].
func (v value) rangeOf() *Range {
	if v.node.Kind != yamlSequence || len(v.node.Content) != 2 {
		v.fail("write such as [0, 60]", "want [min, max]")
		return nil
	}
	var ends [2]float64
	good := true
	v.list(func(i int, v value) { good = v.number(&ends[i]) && good })
	if !good {
		return nil
	}
	if ends[0] >= ends[1] {
		v.fail("write the lower one first", "min %g is not below max %g", ends[0], ends[1])
		return nil
	}
	return &Range{ends[0], ends[1]}
}

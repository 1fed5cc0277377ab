package config

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Register is one Modbus channel.
type Register struct {
	Measurand
	Table   string           // "holding", "input", "coil", "discrete"
	At      int              // before AddressBase is taken off; 40041 is 40 + AddressBase
	Plain   string           // the number that At was written as, "40041"; empty = the table was named
	Bit     int              // of the register, for type bit: 0 (least significant) to 15
	Type    string           // a RegisterType of the driver, "u16"
	Order   string           // a ByteOrder of the driver, "ABCD"
	Mask    uint64           // bits that count, before Shift; 0 = all
	Shift   int              // by how many bits they are moved down
	Word    int              // bits of a register on the wire, 16 or 32
	Power   *Address         // register with the power of ten of the value; nil = none
	Counts  bool             // the key counter
	Counter *Counter         // the value is the rate of what the register counts; nil = the value itself
	Missing []uint64         // raw bits that mean "no value"
	States  map[int64]string // raw numbers that may come, by name; nil = any number
	Checks  Checks
}

// TextRegister is a text in the registers of a Modbus device. It is no channel.
type TextRegister struct {
	Pos
	Name  string
	Table string // "holding" or "input"
	At    int    // before AddressBase is taken off
	Bytes int
	Order string // "ABCD" or "BADC"
}

// RegisterRange is registers of one table, both ends included, before
// AddressBase is taken off.
type RegisterRange struct {
	Table       string
	First, Last int
}

// String names the range as the file does.
func (r RegisterRange) String() string {
	if r.First == r.Last {
		return fmt.Sprintf("%s:%d", r.Table, r.First)
	}
	return fmt.Sprintf("%s:%d-%d", r.Table, r.First, r.Last)
}

// State names the state that a value of the register stands for: "run", or
// empty where it has none.
func (r *Register) State(v float64) string {
	if v != math.Trunc(v) || math.Abs(v) > 1<<53 {
		return ""
	}
	return r.States[int64(v)]
}

// typeBit is the type of coils, discrete inputs and bits of registers.
const typeBit = "bit"

// registerReader reads a register of a sensor.
type registerReader struct {
	*Register
	s    *sensorReader
	typ  RegisterType // of Type; the zero value = unknown
	text int          // bytes, of a text; 0 = it is a number
}

var registerKeys = section[*registerReader]{
	path: "sensors[].registers[]",
	help: "A register of a Modbus device, or several that make one number. Each is a channel.",
	others: map[string]string{
		"address": `write at: "holding:40"`, "register": `write at: "holding:40"`, "addr": `write at: "holding:40"`,
		"data_type": "write type:", "byte_order": "write order: CDAB", "swap": "write order: CDAB", "factor": "write scale:", "multiplier": "write scale:",
		"min": "write range: [min, max]", "max": "write range: [min, max]",
	},
	rows: slices.Concat(shared(measurandRows[:1], measurandOf), []row[*registerReader]{
		{Key: Key{Name: "at", Kind: kindRegister, Need: true, Example: `"holding:40"`,
			Help: "Where the register is; of a number of several registers, the first."},
			read: func(v value, r *registerReader) { r.at(v) }},
		{Key: Key{Name: "bit", Kind: Integer, Min: "0", Max: "15", Without: "the whole register", Example: "3",
			Help: "Reads one bit of the register, 0 the least significant; `holding:40.3` says the same."},
			read: func(v value, r *registerReader) { r.bit(v) }},
		{Key: Key{Name: "type", Kind: kindRegisterType, Without: "required; bit where one bit is read", Example: "u16",
			Help: "How the bits are read as a number."},
			read: func(v value, r *registerReader) { r.readType(v) }},
		{Key: Key{Name: "order", Kind: kindByteOrder, Default: "ABCD", Example: "CDAB",
			Help: "In which order the device sends the bytes of a number."},
			read: func(v value, r *registerReader) { r.readOrder(v) }},
		{Key: Key{Name: "mask", Kind: Bits, Without: "all bits", Example: "0x0FFF",
			Help: "Bits of the number that count; of a type in two's complement the highest of them is the sign."},
			read: func(v value, r *registerReader) { r.readMask(v) }},
		{Key: Key{Name: "shift", Kind: Integer, Min: "0", Max: "63", Default: "0", Example: "4",
			Help: "By how many bits the number is moved down, after `mask`."},
			into: func(r *registerReader) any { return &r.Shift }},
		{Key: Key{Name: "word", Kind: Integer, Choices: []string{"16", "32"}, Default: "16", Example: "32",
			Help: "Bits that a register has on the wire; 32 for devices that count registers of 32 bits, as Enron's Modbus does."},
			into: func(r *registerReader) any { return &r.Word }},
		{Key: Key{Name: "scale_from", Kind: kindRegister, Without: "no power of ten", Example: `"holding:11"`,
			Help: "Register that holds the power of ten of the value, -10 to 10 (a SunSpec scale factor), read together with it; 0x8000 in it means that there is no value."},
			read: func(v value, r *registerReader) { r.readPower(v) }},
		{Key: Key{Name: "counter", Kind: Boolean, Default: "false", Example: "true",
			Help: "Whether the register only ever counts up; the value of the channel is then its rate, in the unit that follows from `unit`: kW for kWh, m³/h for m³, 1/s for pulses."},
			into: func(r *registerReader) any { return &r.Counts }},
	}, shared(measurandRows[1:4], measurandOf), []row[*registerReader]{
		{Key: Key{Name: "missing", Kind: kindRaw, Without: "none; a NaN or an infinity is always missing", Example: "[0x7FFF, 0x8000]",
			Help: "Numbers, before scaling, by which the device says that it has no value."}},
		{Key: Key{Name: "states", Kind: kindStateNames, Without: "any number", Example: "{0: off, 1: run, 2: fault}",
			Help: "Names of the numbers that the register can hold; any other number is bad. Not together with scale or offset."}},
	}, shared(measurandRows[4:], measurandOf), shared(checkRows, func(r *registerReader) *Checks { return &r.Checks })),
	check: func(v value, r *registerReader, g given) { r.check(v, g) },
}

func measurandOf(r *registerReader) *Measurand { return &r.Measurand }

// registers reads the registers of a Modbus sensor.
func (s *sensorReader) registers(v value) {
	var all []*registerReader
	v.named("register", func(_ int, v value) string {
		r := &registerReader{Register: &Register{Measurand: Measurand{Pos: v.pos}}, s: s}
		registerKeys.read(v, r)
		for _, o := range all {
			if r.Name != "" && o.Name != "" && r.overlaps(o) {
				v.warn("remove one, unless both readings are meant", "%s reads the same registers as %s", r.Name, o.Name)
			}
		}
		all = append(all, r)
		return r.Name
	})
	for _, r := range all {
		if r.text > 0 {
			s.Texts = append(s.Texts, TextRegister{r.Pos, r.Name, r.Table, r.At, r.text, r.Order})
			continue
		}
		s.Registers = append(s.Registers, *r.Register)
	}
	if len(s.Registers) == 0 && len(s.Texts) > 0 {
		v.fail("add a register with a number", "the sensor has texts only, and no channel")
	}
}

// words is the number of addresses that a register takes.
func (r *registerReader) words() int {
	switch {
	case r.text > 0:
		return (r.text + 1) / 2
	case r.Word == 32:
		return max(r.typ.Bits/32, 1)
	}
	return max(r.typ.Registers, 1)
}

// overlaps tells whether two registers share some, which is a mistake unless they
// are parts of one.
func (r *registerReader) overlaps(o *registerReader) bool {
	if r.Mask != 0 && o.Mask != 0 && r.Mask&o.Mask == 0 && r.At == o.At || r.Counts != o.Counts {
		return false
	}
	return r.Table != "" && r.Table == o.Table && r.At < o.At+o.words() && o.At < r.At+r.words() &&
		(r.typ.Bits > 8 && o.typ.Bits > 8 || r.Type == o.Type && r.Bit == o.Bit)
}

// setType sets a type of the driver. It is false where the driver has none of
// that name.
func (r *registerReader) setType(name string) bool {
	i := slices.IndexFunc(r.s.info.Types, func(t RegisterType) bool { return t.Name == name })
	if i >= 0 {
		r.Type, r.typ = name, r.s.info.Types[i]
	}
	return i >= 0
}

// bit reads the bit of a register, which may be behind its address as well.
func (r *registerReader) bit(v value) {
	switch {
	case hasBits(r.Table):
		v.fail("remove it", "table %s has bits, not registers with bits", r.Table)
	case r.Type == typeBit:
		v.fail("remove one of them", "the address names the bit already")
	default:
		r.setType(typeBit)
		r.Bit, _ = v.integer()
	}
}

// readType reads the type; that of a bit of a register is known already.
func (r *registerReader) readType(v value) {
	name, ok := v.text()
	if !ok || !r.s.known {
		return
	}
	before := r.Type
	if n, is := strings.CutPrefix(name, "string:"); is {
		r.readText(v, n)
		return
	}
	if name == "string" || name == "text" || name == "ascii" {
		v.fail("write string:16 for one of 16 bytes", "it does not say how long the text is")
		return
	}
	if !r.setType(name) {
		v.unknownOf("type", name, typeNames(r.s.info.Types), func(i int) []string { return r.s.info.Types[i].Aliases })
		return
	}
	if r.typ.Meant != "" {
		v.warn("write "+r.typ.Meant+", unless the manual says that the highest bit is only a sign",
			"%s is sign and magnitude; manuals that write %s mostly mean two's complement", name, strings.ToUpper(name))
	}
	if before == typeBit && name != typeBit {
		v.fail("write type: bit or leave it out", "one bit is not a %s", name)
	}
	if before == "" && name == typeBit && r.Table != "" && !hasBits(r.Table) {
		v.fail(fmt.Sprintf(`write at: "%s:%d.0" or bit: 0 for its least significant`, r.Table, r.At), "it does not say which of the register's 16 bits is read")
	}
}

func typeNames(types []RegisterType) (names []string) {
	for _, t := range types {
		names = append(names, t.Name)
	}
	return names
}

func orderNames(orders []ByteOrder) (names []string) {
	for _, o := range orders {
		if !o.Rare {
			names = append(names, o.Name)
		}
	}
	return names
}

// unknownOf reports a name that is none of names. aliases gives other programs'
// words for the i-th.
func (v value) unknownOf(what, name string, names []string, aliases func(i int) []string) bool {
	hint := didYouMean(name, names)
	for i, ours := range names {
		if slices.Contains(aliases(i), strings.ToLower(name)) {
			hint = `did you mean "` + ours + `"?`
		}
	}
	return v.fail(hint, "unknown %s %q", what, quoteShort(name))
}

// readOrder reads the byte order. Some names are for one length only.
func (r *registerReader) readOrder(v value) {
	name, ok := v.text()
	if !ok || !r.s.known {
		return
	}
	orders := r.s.info.Orders
	i := slices.IndexFunc(orders, func(o ByteOrder) bool { return o.Name == name })
	var names []string
	for _, o := range orders {
		if o.Bytes == 0 {
			names = append(names, o.Name)
		}
	}
	switch {
	case i < 0:
		v.unknownOf("byte order", name, names, func(i int) []string { return orders[i].Aliases })
	case r.text > 0 && name != "ABCD" && name != "BADC":
		v.fail("use ABCD or BADC", "%s does not fit a text", name)
	case orders[i].Bytes != 0 && r.typ.Bits != 0 && orders[i].Bytes != 2*r.typ.Registers:
		v.fail("use "+oneOf(names), "%s names %d bytes, %s has %d", name, orders[i].Bytes, r.Type, 2*r.typ.Registers)
	default:
		r.Order = name
	}
}

// check makes the keys of a register agree, and reads those that need its type.
func (r *registerReader) check(v value, g given) {
	if !r.s.known {
		return
	}
	if r.text > 0 {
		r.checkText(v, g)
		return
	}
	r.checkType(v, g)
	r.checkBits(g)
	r.checkPlace(v)
	if at, has := g["missing"]; has && r.Type != "" && r.Type != typeBit {
		r.readMissing(at)
	}
	if at, has := g["states"]; has && r.Type != "" {
		r.readStates(at)
	}
	r.checkCounter(v, g)
}

// checkType makes table and type agree, and the other keys with them: coils and
// discrete inputs are bits.
func (r *registerReader) checkType(v value, g given) {
	refuse := func(why string, keys ...string) {
		for _, k := range keys {
			if at, has := g[k]; has {
				at.fail("remove it", why, k)
			}
		}
	}
	if hasBits(r.Table) {
		if r.Type != "" && r.Type != typeBit {
			if other := (Address{Plain: r.Plain}).Otherwise(); other != "" {
				g["at"].fail("leave type out if it is one; else write "+other, "%s is taken as a number of the %s table, which has bits, not %s", r.Plain, r.Table, r.Type)
				r.setType(typeBit)
				return
			}
			g["type"].fail("write type: bit or leave it out", "table %s has bits, not %s", r.Table, r.Type)
		}
		r.setType(typeBit)
	}
	_, has := g["type"]
	switch {
	case r.Type == typeBit:
		refuse("a bit has no %s", "order", "scale", "offset", "missing", "scale_from")
	case r.typ.Bits == 8:
		refuse("one byte has no %s, u8h and u8l say which", "order")
	case r.Table == "" && g["at"].node != nil: // a table of bits needs no type
	case r.Type == "" && !has:
		v.fail("use "+oneOf(typeNames(r.s.info.Types)[1:])+", or bit: N", "key %q is missing", "type")
	}
	if _, has := g["states"]; has {
		refuse("the value of a channel with states is the state's number and has no %s", "scale", "offset", "scale_from")
	}
}

// checkPlace keeps every word within the 65536 addresses of a table (Modbus
// Application Protocol V1.1b3 §4.3) and the register within what the sensor reads.
func (r *registerReader) checkPlace(v value) {
	if r.Table == "" {
		return
	}
	s := r.s
	if last := r.At - s.AddressBase + r.words() - 1; last > 0xFFFF {
		v.fail(fmt.Sprintf("address_base is %d, so use %d to %d", s.AddressBase, s.AddressBase, 0xFFFF+s.AddressBase-r.words()+1),
			"register %s:%d is outside the table", r.Table, r.At)
	}
	if s.MaxRegisters > 0 && !hasBits(r.Table) && r.words() > s.MaxRegisters { // 0: nothing is asked for
		v.fail("raise max_registers", "%s takes %d registers, max_registers is %d", r.Type, r.words(), s.MaxRegisters)
	}
	for _, n := range s.NeverRead {
		if n.Table == r.Table && r.At <= n.Last && n.First < r.At+r.words() {
			v.fail("remove one of them", "register %s:%d is in %v, which is never_read", r.Table, r.At, n)
		}
	}
}

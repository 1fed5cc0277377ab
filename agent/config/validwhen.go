package config

// Condition is a register that says whether a device's values mean anything.
type Condition struct {
	Address
	Type  string  // a RegisterType of the driver
	Order string  // a ByteOrder of the driver
	Mask  uint64  // bits that count; 0 = all
	Is    []int64 // numbers that mean that they do
}

// conditionReader reads the condition of a sensor.
type conditionReader struct {
	*Condition
	s *sensorReader
}

var conditionKeys = section[*conditionReader]{
	path: "sensors[].valid_when",
	help: "What a register must hold for the values of the device to mean anything; otherwise all its channels are missing, with that reason.",
	others: map[string]string{
		"at": `write register: "holding:40"`, "value": "write is: 1", "equals": "write is: 1", "bit": `write register: "holding:40.3"`,
	},
	rows: []row[*conditionReader]{
		{Key: Key{Name: "register", Kind: kindRegister, Need: true, Example: `"holding:40"`,
			Help: "The register: a status word, a bit that says online, or a marker that proves the map. It is read in the same request as the values, or before and after them."},
			read: func(v value, c *conditionReader) {
				if a, ok := c.s.place(v); ok {
					c.Address = a
				}
			}},
		{Key: Key{Name: "is", Kind: Patterns, Need: true, Example: "1",
			Help: "What it must hold: a number, or one of several."},
			read: func(v value, c *conditionReader) { c.readIs(v) }},
		{Key: Key{Name: "type", Kind: kindRegisterType, Default: "u16", Example: "u32",
			Help: "How its bits are read as a number."}},
		{Key: Key{Name: "order", Kind: kindByteOrder, Default: "ABCD", Example: "CDAB",
			Help: "In which order the device sends the bytes of the number."}},
		{Key: Key{Name: "mask", Kind: Bits, Without: "all bits", Example: "0x0001",
			Help: "Bits of the number that count."},
			into: func(c *conditionReader) any { return &c.Mask }},
	},
	check: func(v value, c *conditionReader, g given) { c.check(v, g) },
}

// validWhen reads the condition of a sensor.
func (s *sensorReader) validWhen(v value) {
	c := conditionReader{&Condition{}, s}
	if before := len(v.p.problems); conditionKeys.read(v, &c) && v.p.good(before) {
		s.Valid = c.Condition
	}
}

func (c *conditionReader) readIs(v value) {
	ns, ok := v.patterns()
	if ok && len(ns) == 0 {
		v.fail("name a number", "is empty")
	}
	for _, n := range ns {
		if n > 1<<53 {
			v.fail("use at most 9007199254740992", "%d is too large to be compared", n)
			return
		}
		c.Is = append(c.Is, int64(n))
	}
}

// check makes type, order, mask and numbers agree: by reading a register like it.
func (c *conditionReader) check(v value, g given) {
	if !c.s.known || c.Table == "" {
		return
	}
	r := registerReader{Register: &Register{Table: c.Table, At: c.At, Bit: max(c.Bit, 0), Mask: c.Mask, Word: 16, Order: "ABCD"}, s: c.s}
	if c.Bit >= 0 || hasBits(c.Table) {
		r.setType(typeBit)
		if t, has := g["type"]; has && t.node.Value != typeBit {
			t.fail("remove it", "one bit is no %s", quoteShort(t.node.Value))
		}
	} else if at, has := g["type"]; has {
		r.readType(at)
	} else {
		r.setType("u16")
	}
	if at, has := g["order"]; has {
		r.readOrder(at)
	}
	c.Type, c.Order = r.Type, r.Order
	switch is := g["is"]; {
	case r.typ.Bits == 0 && r.text == 0: // an unknown type is reported
	case !r.typ.Whole:
		g["type"].fail("use u16 or u32", "a condition needs whole numbers, and has no %s", quoteShort(g["type"].node.Value))
	default:
		r.checkBits(g)
		r.checkPlace(v)
		for _, n := range c.Is {
			if n > r.typ.Max {
				is.fail("use a number that it can hold", "%d is never in a %s", n, r.Type)
			} else if c.Mask != 0 && uint64(n)&^c.Mask != 0 {
				is.fail("use a number that mask leaves", "%#x can never be there, mask is %#x", n, c.Mask)
			}
		}
	}
}

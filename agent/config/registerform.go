package config

import (
	"fmt"
	"math"
	"math/bits"
	"strconv"
)

// textBytes is how long a text may be: what one request reads.
const textBytes = 250

// readText reads the N of type string:N.
func (r *registerReader) readText(v value, n string) {
	bytes, err := strconv.Atoi(n)
	switch {
	case err != nil || bytes < 1 || bytes > textBytes:
		v.fail(fmt.Sprintf("use string:1 to string:%d", textBytes), "%q is not the length of a text in bytes", quoteShort(n))
	case r.Type == typeBit:
		v.fail("write type: bit or leave it out", "one bit is not a text")
	default:
		r.text = bytes
	}
}

// checkText refuses the keys of numbers at a text.
func (r *registerReader) checkText(v value, g given) {
	for _, k := range []string{"bit", "mask", "shift", "word", "scale_from", "scale", "offset", "missing", "states", "unit", "range", "limits", "counter",
		"max_rate", "max_spike", "flat_after", "flat_band"} {
		if at, has := g[k]; has {
			at.fail("remove it", "a text has no %s", k)
		}
	}
	switch {
	case hasBits(r.Table):
		g["type"].fail("write type: bit or leave it out", "table %s has bits, not a text", r.Table)
	case r.s.kind() == busHeard:
		g["type"].fail("remove the register", "a text cannot be read on a line that is only listened to")
	default:
		r.checkPlace(v)
	}
}

// readMask reads which bits count.
func (r *registerReader) readMask(v value) {
	mask, ok := v.bits()
	switch {
	case !ok:
	case mask == 0:
		v.fail("leave it out for all bits", "mask is 0, which leaves nothing")
	default:
		r.Mask = mask
	}
}

// checkBits makes mask, shift, word and scale_from agree with the type.
func (r *registerReader) checkBits(g given) {
	t := r.typ
	if t.Bits == 0 {
		return
	}
	all := uint64(math.MaxUint64) >> (64 - min(t.Bits, 64))
	left := all
	if r.Mask != 0 {
		left = r.Mask
	}
	mask, hasMask := g["mask"]
	shift, hasShift := g["shift"]
	switch {
	case hasMask && !t.Fields:
		mask.fail("remove it", "%s has no mask", t.Name)
	case hasShift && !t.Fields:
		shift.fail("remove it", "%s has no shift", t.Name)
	case hasMask && r.Mask&^all != 0:
		mask.fail(fmt.Sprintf("use at most %#x", all), "mask has more than the %d bits of %s", t.Bits, t.Name)
	case hasShift && left>>r.Shift == 0:
		shift.fail(fmt.Sprintf("use 0 to %d", bits.Len64(left)-1), "shift %d leaves no bit", r.Shift)
	}
	if word, has := g["word"]; has && r.Word == 32 {
		switch {
		case t.Bits%32 != 0 || t.Registers > 4 || hasBits(r.Table):
			word.fail("use a type of 32 or 64 bits", "a register of 32 bits is no %s", t.Name)
		case r.s.kind() == busHeard:
			word.fail("remove the register", "registers of 32 bits cannot be read on a line that is only listened to")
		}
	}
	if from, has := g["scale_from"]; has && r.Power != nil {
		switch {
		case r.Word == 32:
			from.fail("remove one of them", "a register of 32 bits has no power of ten")
		case t.Clock:
			from.fail("remove it", "a date has no power of ten")
		case r.s.kind() == busHeard && r.Power.Table != r.Table:
			from.fail("remove the register", "the table is another one than that of the value, and cannot be overheard with it")
		}
	}
}

// readPower reads the place of the power of ten.
func (r *registerReader) readPower(v value) {
	a, ok := r.s.place(v)
	switch {
	case !ok:
	case a.Bit >= 0 || hasBits(a.Table):
		v.fail(`write it like "holding:11"`, "a power of ten is a whole register")
	case r.Table == a.Table && a.At >= r.At && a.At < r.At+r.words() && r.typ.Bits > 8:
		v.fail("name the register that the manual names", "%s:%d holds the value itself", a.Table, a.At)
	default:
		r.Power = &a
	}
}

// place reads the place of a register of the sensor.
func (s *sensorReader) place(v value) (Address, bool) {
	text := v.node.Value
	if tag := v.node.ShortTag(); tag != "!!int" && tag != "!!float" {
		var ok bool
		if text, ok = v.text(); !ok {
			return Address{}, false
		}
	}
	a, err := ParseAddress(text, s.AddressBase)
	if !v.addressFault(err) {
		return a, false
	}
	for _, n := range s.NeverRead {
		if n.Table == a.Table && a.At >= n.First && a.At <= n.Last {
			return a, v.fail("remove one of them", "register %s:%d is in %v, which is never_read", a.Table, a.At, n)
		}
	}
	return a, true
}

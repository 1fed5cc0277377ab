package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// registerTypes are the types of a register and how many registers each takes.
var registerTypes = []struct {
	name  string
	words int
}{
	{"bit", 1}, {"u8h", 1}, {"u8l", 1}, {"u16", 1}, {"i16", 1}, {"f16", 1},
	{"u32", 2}, {"i32", 2}, {"f32", 2}, {"u64", 4}, {"i64", 4}, {"f64", 4},
}

func typeNames() (names []string) {
	for _, t := range registerTypes {
		names = append(names, t.name)
	}
	return names
}

// words is the number of addresses that a register takes.
func (r *Register) words() int {
	for _, t := range registerTypes {
		if t.name == r.Type {
			return t.words
		}
	}
	return 1
}

// width is the number of bits that the type's raw number has.
func (r *Register) width() int {
	switch r.Type {
	case "bit":
		return 1
	case "u8h", "u8l":
		return 8
	}
	return 16 * r.words()
}

// missing reads the raw numbers that mean "no value": those of an integer type
// as a number or as its bits (-1 or 0xFFFF), those of a floating-point type as a
// number, or as its bits with 0x.
func (v value) missing(r *Register) {
	if tag := v.node.ShortTag(); tag == "!!int" || tag == "!!float" {
		v.fail("write ["+quoteShort(v.node.Value)+"]", "want a list, got %s", v.kind())
		return
	}
	v.list(func(_ int, v value) {
		var raw uint64
		var ok bool
		if strings.HasPrefix(r.Type, "f") {
			raw, ok = v.floatBits(r)
		} else {
			raw, ok = v.integerBits(r)
		}
		if ok {
			r.Missing = append(r.Missing, raw)
		}
	})
}

func (v value) floatBits(r *Register) (uint64, bool) {
	if !v.scalar(aNumber, "!!int", "!!float") {
		return 0, false
	}
	s, w := v.node.Value, r.width()
	if strings.HasPrefix(s, "0x") {
		u, err := strconv.ParseUint(s, 0, w)
		if err != nil {
			return 0, v.fail("write what the device sends", "%s is more than the %d bits of %s", quoteShort(s), w, r.Type)
		}
		return u, true
	}
	if strings.Contains(strings.ToLower(s), "nan") || strings.Contains(strings.ToLower(s), "inf") {
		return 0, v.fail("remove it", "a NaN and an infinity are always missing")
	}
	var f float64
	switch {
	case r.Type == "f16":
		return 0, v.fail("write its bits, such as 0x7BFF", "%s is no bit pattern", quoteShort(s))
	case !v.number(&f):
		return 0, false
	case r.Type == "f32":
		return uint64(math.Float32bits(float32(f))), true
	}
	return math.Float64bits(f), true
}

func (v value) integerBits(r *Register) (uint64, bool) {
	if !v.scalar(aWhole, "!!int") {
		return 0, false
	}
	w := r.width()
	lowest := int64(0)
	if strings.HasPrefix(r.Type, "i") {
		lowest = -1 << (w - 1)
	}
	if i, err := strconv.ParseInt(v.node.Value, 0, 64); err == nil && i < 0 {
		if i < lowest {
			return 0, v.fail("write what the device sends", "%d is below the lowest %s, %d", i, r.Type, lowest)
		}
		return uint64(i) & (math.MaxUint64 >> (64 - w)), true
	}
	u, err := strconv.ParseUint(v.node.Value, 0, w)
	if err != nil {
		return 0, v.fail("write what the device sends", "%s is more than the %d bits of %s", quoteShort(v.node.Value), w, r.Type)
	}
	return u, true
}

// states reads {0: off, 1: run}: the raw numbers that may come and their names.
func (v value) states(r *Register) {
	entries, ok := v.mapping()
	if !ok {
		return
	}
	if strings.HasPrefix(r.Type, "f") {
		v.fail("remove it", "states are whole numbers, %s has others", r.Type)
		return
	}
	lowest, highest := int64(0), int64(math.MaxInt64)
	if w := r.width(); strings.HasPrefix(r.Type, "i") {
		lowest, highest = -1<<(w-1), 1<<(w-1)-1
	} else if w < 64 {
		highest = 1<<w - 1
	}
	states := map[int64]string{}
	for _, e := range entries {
		n, err := strconv.ParseInt(e.name, 0, 64)
		switch {
		case err != nil:
			e.key.fail("write such as {0: off, 1: run}", "%q is no whole number", quoteShort(e.name))
			continue
		case n < lowest || n > highest:
			e.key.fail(fmt.Sprintf("%s holds %d to %d", r.Type, lowest, highest), "state %s is out of range", quoteShort(e.name))
			continue
		case states[n] != "":
			e.key.fail("remove one of both", "state %d stands here a second time", n)
			continue
		}
		var name string
		if e.value.someText(&name) {
			if len(name) > 32 {
				e.value.fail("shorten it", "the name %q is longer than 32 bytes", quoteShort(name))
			}
			states[n] = name
		}
	}
	if len(entries) == 0 {
		v.fail("name at least one", "no state is named")
	}
	if len(states) > 0 {
		r.States = states
	}
}

// State names the state that a value of the register stands for: "run", or
// empty where it has none.
func (r *Register) State(v float64) string {
	if v != math.Trunc(v) || math.Abs(v) > 1<<53 {
		return ""
	}
	return r.States[int64(v)]
}

// String names the range as the file does.
func (r RegisterRange) String() string {
	if r.First == r.Last {
		return fmt.Sprintf("%s:%d", r.Table, r.First)
	}
	return fmt.Sprintf("%s:%d-%d", r.Table, r.First, r.Last)
}

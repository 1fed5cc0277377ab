package config

import (
	"fmt"
	"strconv"
	"strings"
)

// readMissing reads the raw numbers that mean "no value".
func (r *registerReader) readMissing(v value) {
	if tag := v.node.ShortTag(); tag == "!!int" || tag == "!!float" {
		v.fail("write ["+quoteShort(v.node.Value)+"]", "want a list, got %s", v.kind())
		return
	}
	v.list(func(_ int, v value) {
		if r.typ.Whole && !v.scalar(Integer, "!!int") || !r.typ.Whole && !v.scalar(Number, "!!int", "!!float") {
			return
		}
		if word := strings.ToLower(v.node.Value); strings.Contains(word, "nan") || strings.Contains(word, "inf") {
			v.fail("remove it", "a NaN or an infinity is always missing")
			return
		}
		raw, err := r.typ.Raw(v.node.Value)
		if err != nil {
			v.fail("write what the device sends", "%v", err)
			return
		}
		r.Missing = append(r.Missing, raw)
	})
}

// readStates reads {0: off, 1: run}: the raw numbers that may come and their
// names.
func (r *registerReader) readStates(v value) {
	entries, ok := v.mapping()
	if !ok {
		return
	}
	t := r.typ
	if !t.Whole {
		v.fail("remove it", "states are whole numbers, %s has others", t.Name)
		return
	}
	states := map[int64]string{}
	for _, e := range entries {
		n, err := strconv.ParseInt(e.name, 0, 64)
		switch {
		case err != nil:
			e.at.fail("write it like {0: off, 1: run}", "%q is not a whole number", quoteShort(e.name))
			continue
		case n < t.Min || n > t.Max:
			e.at.fail(fmt.Sprintf("%s holds %d to %d", t.Name, t.Min, t.Max), "state %s is out of range", quoteShort(e.name))
			continue
		case states[n] != "":
			e.at.fail("remove one of them", "state %d appears twice", n)
			continue
		}
		e.value.key = &Key{Kind: Text, Max: "32"}
		if name, ok := e.value.someText(); ok {
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

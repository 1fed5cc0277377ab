package sparkplug

import (
	"bytes"
	"testing"
)

// command writes an NCMD with metrics.
func command(metrics ...*metric) []byte {
	var p payload
	p.begin(1)
	for _, m := range metrics {
		p.add(m, 1, m.name != "")
	}
	return bytes.Clone(p.out)
}

// TestWantsRebirth: a rebirth counts with its name and the value true only, whatever else the
// message has; what is cut off or no protobuf is an error.
func TestWantsRebirth(t *testing.T) {
	yes := &metric{name: rebirthName, kind: boolType, whole: 1}
	no := &metric{name: rebirthName, kind: boolType}
	null := &metric{name: rebirthName, kind: boolType, null: true}
	number := &metric{name: rebirthName, kind: int32Type, whole: 1}
	other := &metric{name: "pump/speed", kind: doubleType, number: 50}
	alias := &metric{alias: 3, kind: boolType, whole: 1}
	good := command(yes)
	for name, c := range map[string]struct {
		payload []byte
		rebirth bool
		others  int
		fails   bool
	}{
		"rebirth":             {good, true, 0, false},
		"false":               {command(no), false, 1, false},
		"null":                {command(null), false, 1, false},
		"a number":            {command(number), false, 1, false},
		"another":             {command(other), false, 1, false},
		"both":                {command(other, yes), true, 1, false},
		"by alias":            {command(alias), false, 1, false},
		"nothing":             {nil, false, 0, false},
		"no metric":           {command(), false, 0, false},
		"unknown fields":      {append([]byte{0x3d, 1, 2, 3, 4, 0x41, 1, 2, 3, 4, 5, 6, 7, 8, 0x4a, 1, 'x'}, good...), true, 0, false},
		"cut off":             {good[:len(good)-1], false, 0, true},
		"text":                {[]byte("rebirth"), false, 0, true},
		"a group":             {[]byte{0x0b, 0x0c}, false, 0, true},
		"metric as a number":  {[]byte{0x10, 1}, false, 0, true},
		"name as a number":    {[]byte{0x12, 2, 0x08, 1}, false, 0, true},
		"value as a text":     {[]byte{0x12, 2, 0x72, 0}, false, 0, true},
		"field 0":             {[]byte{0x00, 1}, false, 0, true},
		"a length beyond":     {[]byte{0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}, false, 0, true},
		"an endless number":   {bytes.Repeat([]byte{0xff}, 30), false, 0, true},
		"short fixed numbers": {[]byte{0x39, 1, 2}, false, 0, true},
		"too long":            {bytes.Repeat(good, 200), false, 0, true},
	} {
		rebirth, others, err := wantsRebirth(c.payload)
		if rebirth != c.rebirth || others != c.others || (err != nil) != c.fails {
			t.Errorf("%s: %v, %d others, %v", name, rebirth, others, err)
		}
	}
	if n := testing.AllocsPerRun(100, func() { wantsRebirth(good) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzWantsRebirth: nothing panics, and a rebirth is one that says so.
func FuzzWantsRebirth(f *testing.F) {
	f.Add(command(&metric{name: rebirthName, kind: boolType, whole: 1}))
	f.Add(command(&metric{name: "x", kind: textType, text: "y", tell: true, quality: qualityStale, unit: "°C"}))
	f.Add([]byte{0x12, 2, 0x08, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		rebirth, others, err := wantsRebirth(b)
		if rebirth && !bytes.Contains(b, []byte(rebirthName)) {
			t.Error("a rebirth that nobody asked for")
		}
		if err != nil && (rebirth || others > 0) {
			t.Error("something of a message that is none")
		}
	})
}

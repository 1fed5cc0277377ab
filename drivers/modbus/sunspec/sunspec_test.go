package sunspec

import (
	"encoding/binary"
	"errors"
	"strings"
	"testing"
)

var errNone = errors.New("no such register")

// device reads from registers; others are refused.
func device(regs map[int]uint16) Read {
	return func(at, n uint16) ([]byte, error) {
		var b []byte
		for i := range int(n) {
			w, ok := regs[int(at)+i]
			if !ok {
				return nil, errNone
			}
			b = binary.BigEndian.AppendUint16(b, w)
		}
		return b, nil
	}
}

// inverter is a map with a common model, an inverter, a meter and its end.
func inverter(base int) map[int]uint16 {
	regs := map[int]uint16{base: 0x5375, base + 1: 0x6e53}
	put := func(at int, words ...uint16) {
		for i, w := range words {
			regs[at+i] = w
		}
	}
	put(base+2, 1, 66)
	for i := range 66 {
		regs[base+4+i] = 0
	}
	words := func(at int, s string) {
		for i := 0; i < len(s); i += 2 {
			regs[at+i/2] = uint16(s[i])<<8 | uint16((s + "\x00")[i+1])
		}
	}
	words(base+4, "Acme")
	words(base+20, "PV 10k")
	words(base+44, "1.2.3")
	words(base+52, "SN-0042")
	put(base+70, 113, 60)
	put(base+132, 64001, 3)
	put(base+137, 0xFFFF, 0)
	return regs
}

func TestWalk(t *testing.T) {
	for _, base := range Bases {
		m, err := Walk(base, device(inverter(int(base))))
		if err != nil || m == nil {
			t.Fatalf("base %d: %v, %v", base, m, err)
		}
		b := int(base)
		want := []Model{{1, b + 2, 66}, {113, b + 70, 60}, {64001, b + 132, 3}}
		if len(m.Models) != 3 || m.Models[0] != want[0] || m.Models[1] != want[1] || m.Models[2] != want[2] {
			t.Errorf("base %d: models %v, want %v", base, m.Models, want)
		}
		if m.Maker != "Acme" || m.Model != "PV 10k" || m.Version != "1.2.3" || m.Serial != "SN-0042" {
			t.Errorf("base %d: %+v", base, m)
		}
		if m.Models[1].Name() != "inverter, three-phase, float" || m.Models[2].Name() != "" {
			t.Errorf("names %q and %q", m.Models[1].Name(), m.Models[2].Name())
		}
	}
	if m, err := Walk(40000, device(map[int]uint16{40000: 1, 40001: 2})); m != nil || err != nil {
		t.Errorf("no map: %v, %v", m, err)
	}
	if m, err := Walk(40000, device(nil)); m != nil || !errors.Is(err, errNone) {
		t.Errorf("no registers: %v, %v", m, err)
	}
}

// A map that ends before its end mark, or that never ends, gives the models until
// there and says so.
func TestWalk_broken(t *testing.T) {
	cut := inverter(0)
	delete(cut, 137)
	m, err := Walk(0, device(cut))
	if m == nil || len(m.Models) != 3 || !errors.Is(err, errNone) {
		t.Errorf("cut: %+v, %v", m, err)
	}
	endless := func(at, n uint16) ([]byte, error) {
		if at == 0 {
			return []byte("SunS"), nil
		}
		return make([]byte, 2*int(n)), nil
	}
	if m, err := Walk(0, endless); m == nil || len(m.Models) != maxModels || err == nil {
		t.Errorf("endless: %v", err)
	}
	far := inverter(0)
	far[71] = 0xFFFF
	if m, err := Walk(0, device(far)); m == nil || err == nil || !strings.Contains(err.Error(), "outside the table") {
		t.Errorf("a model beyond the table: %v", err)
	}
}

// FuzzWalk holds that no registers make the walk panic or read without end.
func FuzzWalk(f *testing.F) {
	f.Add([]byte("SunS\x00\x01\x00\x42"))
	f.Add([]byte("SunS\x00\x02\x00\x00\xff\xff"))
	f.Fuzz(func(t *testing.T, data []byte) {
		reads := 0
		m, _ := Walk(0, func(at, n uint16) ([]byte, error) {
			if reads++; reads > 2*maxModels+2 {
				t.Fatal("it reads without end")
			}
			if 2*int(at) > len(data) {
				return nil, errNone
			}
			return data[2*int(at) : min(len(data), 2*(int(at)+int(n)))], nil
		})
		if m != nil && len(m.Models) > maxModels {
			t.Fatalf("%d models", len(m.Models))
		}
	})
}

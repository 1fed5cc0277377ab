package vibration

import (
	"math/big"
	"slices"
	"strings"
	"testing"
)

func TestParseFormat(t *testing.T) {
	for s, want := range map[string]format{
		"le:s16/16>>0":   {signed: true, bits: 16, bytes: 2, repeat: 1},
		"be:s20/32>>12":  {big: true, signed: true, bits: 20, bytes: 4, shift: 12, repeat: 1},
		"le:u12/16>>4":   {bits: 12, bytes: 2, shift: 4, repeat: 1},
		"le:s64/64":      {signed: true, bits: 64, bytes: 8, repeat: 1},
		"le:s16/16X4>>0": {signed: true, bits: 16, bytes: 2, repeat: 4},
	} {
		if got, err := parseFormat(s); err != nil || got != want {
			t.Errorf("%s: got %+v %v, want %+v", s, got, err, want)
		}
	}
	for _, s := range []string{"", "s16/16", "le:s16/24>>0", "le:s16/16>>1", "le:s0/16>>0", "le:s99/64", "le:f32/32", "le:s16/16X3>>0", "le:s16/16>>0 ", "xe:s16/16>>0", "le:s-1/16"} {
		if f, err := parseFormat(s); err == nil {
			t.Errorf("%q is taken as %+v", s, f)
		}
	}
}

func TestFormatValue(t *testing.T) {
	for _, c := range []struct {
		format string
		bytes  []byte
		want   int64
	}{
		{"le:s16/16>>0", []byte{0xFE, 0xFF}, -2}, {"be:s16/16>>0", []byte{0xFF, 0xFE}, -2}, {"le:u16/16>>0", []byte{0xFE, 0xFF}, 65534},
		{"be:s20/32>>12", []byte{0x80, 0x00, 0x0F, 0xFF}, -524288}, {"be:s20/32>>12", []byte{0x00, 0x00, 0x1A, 0xBC}, 1},
		{"le:s12/16>>4", []byte{0x0F, 0x80}, -2048}, {"le:u12/16>>4", []byte{0x0F, 0x80}, 2048}, {"le:s12/16>>0", []byte{0xFF, 0xF7}, 2047},
		{"le:s8/8", []byte{0x80}, -128}, {"le:s64/64", []byte{1, 0, 0, 0, 0, 0, 0, 0x80}, -1<<63 + 1},
	} {
		f, err := parseFormat(c.format)
		if err != nil {
			t.Fatal(err)
		}
		if got := f.value(c.bytes); got != c.want {
			t.Errorf("%s % x: got %d, want %d", c.format, c.bytes, got, c.want)
		}
	}
}

func TestLayOut(t *testing.T) {
	make := func(spec string) (out []element) {
		for i, s := range strings.Fields(spec) {
			f, err := parseFormat(s)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, element{name: s, index: i, format: f})
		}
		return out
	}
	for _, c := range []struct {
		spec string
		at   []int
		size int
	}{
		{"le:s16/16", []int{0}, 2},
		{"le:s16/16 le:s16/16 le:s16/16", []int{0, 2, 4}, 6},
		{"le:s16/16 le:s16/16 le:s16/16 le:s64/64", []int{0, 2, 4, 8}, 16},
		{"be:s20/32>>12 be:s20/32>>12 be:s20/32>>12 le:s64/64", []int{0, 4, 8, 16}, 24},
		{"le:s64/64 le:s16/16", []int{0, 8}, 16}, // padded to the largest
		{"le:s8/8 le:s32/32 le:s8/8", []int{0, 4, 8}, 12},
		{"le:s16/16X4 le:s8/8", []int{0, 8}, 16},
	} {
		es := make(c.spec)
		slices.Reverse(es) // the index counts, not the order they are found in
		size, err := layOut(es)
		if err != nil || size != c.size {
			t.Errorf("%s: size %d %v, want %d", c.spec, size, err, c.size)
		}
		for i, e := range es {
			if e.at != c.at[i] {
				t.Errorf("%s: element %d at %d, want %d", c.spec, i, e.at, c.at[i])
			}
		}
	}
	twice := make("le:s16/16 le:s16/16")
	twice[1].index = 0
	if _, err := layOut(twice); err == nil {
		t.Error("two elements with one index are taken")
	}
	if _, err := layOut(nil); err == nil {
		t.Error("a scan of nothing is taken")
	}
}

// FuzzFormat holds that a type is refused or decodes any bytes as arithmetic with
// numbers of any length does.
func FuzzFormat(f *testing.F) {
	for _, s := range []string{"le:s16/16>>0", "be:s20/32>>12", "le:u64/64", "be:s12/16X4>>4", "le:s1/8>>7"} {
		f.Add(s, []byte{0x80, 1, 2, 3, 4, 5, 6, 0xFF})
	}
	f.Fuzz(func(t *testing.T, text string, b []byte) {
		fm, err := parseFormat(text)
		if err != nil {
			return
		}
		if fm.size() < 1 || fm.size() > 8*99 {
			t.Fatalf("%s has %d bytes", text, fm.size())
		}
		if len(b) < fm.bytes {
			return
		}
		raw := slices.Clone(b[:fm.bytes])
		if !fm.big {
			slices.Reverse(raw)
		}
		want := new(big.Int).SetBytes(raw)
		want.Rsh(want, fm.shift).And(want, new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), fm.bits), big.NewInt(1)))
		if fm.signed && want.Bit(int(fm.bits)-1) == 1 {
			want.Sub(want, new(big.Int).Lsh(big.NewInt(1), fm.bits))
		}
		if !fm.signed && fm.bits == 64 { // a counter beyond an int64 wraps, and no sample is one
			return
		}
		if got := fm.value(b); want.Cmp(big.NewInt(got)) != 0 {
			t.Fatalf("%s % x: got %d, want %v", text, b[:fm.bytes], got, want)
		}
	})
}

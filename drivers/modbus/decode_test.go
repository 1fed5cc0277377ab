package modbus

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/big"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"iot-edge-anomaly/drivers"
	"iot-edge-anomaly/drivers/sim/modbussim"
)

// slow is decoding as one would explain it on paper: put the bytes into the
// order of the letters, make a number of them digit by digit, and scale it
// exactly. It shares no code with Register. Nil means that there is no number.
func slow(t Type, o Order, bit uint8, b []byte) *big.Float {
	letters := map[Order]map[int]string{
		ABCD: {2: "AB", 4: "ABCD", 6: "ABCDEF", 8: "ABCDEFGH"}, BADC: {2: "BA", 4: "BADC", 6: "BADCFE", 8: "BADCFEHG"},
		CDAB: {2: "AB", 4: "CDAB", 6: "EFCDAB", 8: "GHEFCDAB"}, DCBA: {2: "BA", 4: "DCBA", 6: "FEDCBA", 8: "HGFEDCBA"},
	}
	size := 2 * t.Registers()
	if t == Date { // is no number of bytes
		size = 2
	}
	sent := letters[o][size]
	if o > CDAB {
		sent = o.String()
	}
	sorted := make([]byte, size)
	for i, letter := range sent {
		sorted[letter-'A'] = b[i]
	}
	n := new(big.Int)
	for _, digit := range sorted {
		n.Add(n.Mul(n, big.NewInt(256)), big.NewInt(int64(digit)))
	}
	bits := 8 * size
	switch t {
	case Bit:
		n.SetInt64(int64(n.Bit(int(bit))))
	case U8H:
		n.SetInt64(int64(sorted[0]))
	case U8L:
		n.SetInt64(int64(sorted[1]))
	case U24, I24:
		n.SetBytes(sorted[1:])
		bits = 24
	case F16:
		return slowFloat(n, 5, 10)
	case F32:
		return slowFloat(n, 8, 23)
	case F64:
		return slowFloat(n, 11, 52)
	case S16, S32:
		if n.Bit(bits-1) == 1 {
			n.SetBit(n, bits-1, 0).Neg(n)
		}
	case BCD16, BCD32:
		if _, ok := n.SetString(hex.EncodeToString(sorted), 10); !ok {
			return nil
		}
	case M10K32, M10K48, M10K64:
		digits := ""
		for i := 0; i < size; i += 2 {
			digits += fmt.Sprintf("%04d", int(sorted[i])<<8|int(sorted[i+1]))
		}
		if len(digits) > 2*size {
			return nil
		}
		n.SetString(digits, 10)
	case Date, Date48, Date64:
		return slowDate(t, o, b, sorted)
	}
	if slices.Contains([]Type{I16, I32, I64, I24, I48}, t) && n.Bit(bits-1) == 1 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(bits)))
	}
	return new(big.Float).SetInt(n)
}

// slowDate lets package time read the date as text.
func slowDate(t Type, o Order, sent, sorted []byte) *big.Float {
	var text string
	switch t {
	case Date:
		var parts []any
		for i := range 6 {
			w := binary.BigEndian.Uint16(sent[2*i:])
			if o.SwapsBytes() {
				w = binary.LittleEndian.Uint16(sent[2*i:])
			}
			if i == 0 && w < 100 {
				w += 2000
			}
			parts = append(parts, w)
		}
		text = fmt.Sprintf("%04d-%02d-%02dT%02d:%02d:%02d.000", parts...)
	case Date48:
		text = fmt.Sprintf("%04d-%02d-%02dT%02d:%02d:%02d.000", 2000+int(sorted[0]), sorted[1], sorted[2], sorted[3], sorted[4], sorted[5])
	case Date64:
		ms := int(sorted[6])<<8 | int(sorted[7])
		if sorted[5]&0x80 != 0 {
			return nil
		}
		text = fmt.Sprintf("%04d-%02d-%02dT%02d:%02d:%02d.%03d", 2000+int(sorted[1]&0x7f), sorted[2]&15, sorted[3]&31, sorted[4]&31, sorted[5]&63, ms/1000, ms%1000)
	}
	at, err := time.Parse("2006-01-02T15:04:05.000", text)
	if err != nil || at.Year() < 1970 || at.Year() > 2199 {
		return nil
	}
	sum := new(big.Float).SetInt64(at.Unix())
	return sum.Add(sum, big.NewFloat(float64(at.Nanosecond()/1e6)/1000))
}

// slowFloat reads an IEEE 754 interchange format, §3.4 of 754-2008: nil for
// what is no finite number.
func slowFloat(n *big.Int, exponents, fractions int) *big.Float {
	field := func(from, bits int) *big.Int {
		mask := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), uint(bits)), big.NewInt(1))
		return mask.And(mask, new(big.Int).Rsh(n, uint(from)))
	}
	exponent, fraction := int(field(fractions, exponents).Int64()), field(0, fractions)
	bias := 1<<(exponents-1) - 1
	if exponent == 1<<exponents-1 {
		return nil
	}
	if exponent > 0 {
		fraction.SetBit(fraction, fractions, 1)
	} else {
		exponent = 1
	}
	f := new(big.Float).SetPrec(200).SetInt(fraction)
	f.SetMantExp(f, exponent-bias-fractions)
	if n.Bit(exponents+fractions) == 1 {
		f.Neg(f)
	}
	return f
}

// FuzzDecode holds decoding against slow, for every type and order.
func FuzzDecode(f *testing.F) {
	f.Add([]byte{0x40, 0x49, 0x0f, 0xdb, 0, 0, 0, 0}, uint8(F32), uint8(CDAB), uint8(0), 0.1, 5.0)
	f.Add([]byte{0x7f, 0xf0, 0, 0, 0, 0, 0, 0}, uint8(F64), uint8(ABCD), uint8(0), 1.0, 0.0)
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, uint8(I64), uint8(DCBA), uint8(0), 1e300, 0.0)
	f.Add([]byte{0x83, 0xff}, uint8(F16), uint8(BADC), uint8(0), 1.0, -1.0)
	f.Add([]byte{0x12, 0x34, 0x9a, 0x99}, uint8(BCD32), uint8(ABCD), uint8(0), 0.1, 0.0)
	f.Add([]byte{0x27, 0x0f, 0x27, 0x10, 0x27, 0x0f, 0, 1}, uint8(M10K64), uint8(20), uint8(0), 1.0, 0.0)
	f.Add([]byte{0x07, 0xea, 0, 2, 0, 28, 0, 23, 0, 59, 0, 59}, uint8(Date), uint8(0), uint8(0), 1.0, 0.0)
	f.Add([]byte{0, 26, 11, 0x37, 8, 30, 0xea, 0x5f}, uint8(Date64), uint8(0), uint8(0), 1.0, 0.0)
	f.Add([]byte{26, 2, 29, 1, 2, 3}, uint8(Date48), uint8(0), uint8(0), 1.0, 0.0)
	f.Fuzz(func(t *testing.T, data []byte, typ, order, bit uint8, scale, offset float64) {
		b := make([]byte, 12)
		copy(b, data)
		r := Register{Name: "x", Table: Holding, Address: 7, Type: Type(int(typ)%len(Types())) + Bit, Order: Order(int(order) % (4 + len(quads))), Scale: scale, Offset: offset}
		if r.Type == Bit {
			r.Bit = bit % 16
		}
		if r.check() != nil {
			t.Skip()
		}
		got, err := r.decode(append([]byte{1, 2}, b...), 6, time.Unix(0, 0), 0)
		exact := slow(r.Type, r.Order, r.Bit, b)
		want := math.NaN()
		if exact != nil {
			raw, _ := exact.Float64()
			want = raw * scale
			want += offset
		}
		if finite(want) != (err == nil) || err == nil && got != want || err != nil && !math.IsNaN(got) {
			t.Fatalf("%v %v bit %d of % x, scale %v, offset %v: %v, %v; want %v", r.Type, r.Order, r.Bit, b, scale, offset, got, err, want)
		}
	})
}

// Every binary16 there is, and other readings of every seventh word.
func TestDecode_everyWord(t *testing.T) {
	b := make([]byte, 8)
	for w := range 1 << 16 {
		binary.BigEndian.PutUint16(b, uint16(w))
		readings := []Register{{Type: F16}, {Type: I16, Order: BADC}, {Type: U8H, Order: DCBA}, {Type: U8L}, {Type: Bit, Bit: uint8(w % 16)}}
		if w%7 != 0 {
			readings = readings[:1]
		}
		for _, r := range readings {
			r.Table, r.Scale = Input, 1
			got, err := r.decode(b, 0, time.Time{}, 0)
			want := slow(r.Type, r.Order, r.Bit, b)
			if want == nil {
				if err == nil {
					t.Fatalf("%v of %04x = %v, want no value", r.Type, w, got)
				}
			} else if f, _ := want.Float64(); got != f || err != nil {
				t.Fatalf("%v %v of %04x = %v, %v; want %v", r.Type, r.Order, w, got, err, f)
			}
		}
	}
}

// Bits, bytes and words of one register come out of one request; what the
// device marks as no value is missing, a state that it cannot have is bad.
func TestDev_noValue(t *testing.T) {
	var b modbussim.Bank
	b.SetInput(0, 0x8000, 0x8001, 7, 2, 0x0804, 0xffff, 0xffff)
	s := serve(t, map[uint8]*modbussim.Bank{7: &b})
	with := func(name string, at int, typ Type, f func(*Register)) Register {
		r := Register{Name: name, Table: Input, Address: uint16(at), Type: typ, Scale: 1}
		f(&r)
		return r
	}
	states := map[int64]string{0: "off", 1: "run", 2: "fault"}
	d := newDev(t, newLine(t, s, LineOptions{}), 7, []Register{
		with("none", 0, I16, func(r *Register) { r.Missing, r.Scale = []uint64{0x7fff, 0x8000}, 0.1 }),
		with("some", 1, I16, func(r *Register) { r.Missing, r.Scale = []uint64{0x7fff, 0x8000}, 2 }),
		with("odd", 2, U16, func(r *Register) { r.States = states }),
		with("even", 3, U16, func(r *Register) { r.States = states }),
		with("bit2", 4, Bit, func(r *Register) { r.Bit = 2 }),
		with("bit3", 4, Bit, func(r *Register) { r.Bit = 3 }),
		with("high", 4, U8H, func(*Register) {}),
		with("low", 4, U8L, func(*Register) {}),
		with("far", 5, U32, func(r *Register) { r.Missing = []uint64{0xffffffff} }),
	}, Options{})
	dst := make([]float64, 9)
	err := d.Read(context.Background(), dst)
	nan := math.NaN()
	for i, want := range []float64{nan, -65534, nan, 2, 1, 0, 8, 4, nan} {
		if dst[i] != want && !(math.IsNaN(dst[i]) && math.IsNaN(want)) {
			t.Errorf("%s = %v, want %v", d.regs[i].Name, dst[i], want)
		}
	}
	want := "unit 7: input 0: none is 0x8000, which means no value; input 2: odd is 7, none of its 3 states; input 5: far is 0xffffffff, which means no value"
	if err == nil || err.Error() != want {
		t.Errorf("error %q, want %q", err, want)
	}
	var bad []string
	for _, e := range err.(*cycleError).errs {
		var ve *drivers.ValueError
		if errors.As(e, &ve) && ve.Bad {
			bad = append(bad, ve.Channel)
		}
	}
	if !slices.Equal(bad, []string{"odd"}) {
		t.Errorf("bad channels %v, want odd", bad)
	}
	if got := s.RequestsTo(7); got != 1 {
		t.Errorf("%d requests, want 1", got)
	}
}

// What a device takes at once is learnt from one refusal and spares the others;
// the whole plan is tried again later, at growing distances.
func TestDev_limitLearnt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limit := 30
		open, asked := unitThatRefuses(func(_, n int) byte {
			if n > limit {
				return illegalValue
			}
			return 0
		})
		l := begun(NewLine(open, LineOptions{}))
		defer l.Close()
		var at []int
		for a := range 100 {
			at = append(at, a, 200+a, 400+a)
		}
		d := newDev(t, l, 7, words(at...), Options{Relearn: time.Hour})
		cycle := func(want int) {
			t.Helper()
			before := asked.Load()
			if _, err := read(t, d); err != nil {
				t.Fatal(err)
			}
			if got := int(asked.Load() - before); got != want {
				t.Errorf("%d requests, want %d: %s", got, want, names(d.plan))
			}
		}
		cycle(7 + 4 + 4) // 100, 50, 25, 25, 50, 25, 25; the others at once in 25s
		cycle(12)
		time.Sleep(time.Hour)
		cycle(15)
		time.Sleep(119 * time.Minute)
		cycle(12)
		limit = 125 // new firmware
		time.Sleep(time.Minute)
		cycle(3)
		time.Sleep(100 * time.Hour)
		cycle(3)
	})
}

// A device that answers for half of its registers while it boots is read in
// whole again once the time for it has come.
func TestDev_rebootForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var booting atomic.Bool
		open, asked := unitThatRefuses(func(at, n int) byte {
			if booting.Load() && at+n > 4 {
				return illegalAddress
			}
			return 0
		})
		l := NewLine(open, LineOptions{})
		defer l.Close()
		d := newDev(t, l, 7, words(0, 1, 2, 3, 4, 5, 6, 7), Options{})
		read(t, d)
		booting.Store(true)
		for range 5 {
			if cells, _ := read(t, d); cells != "xxxx----" {
				t.Fatalf("booting: %s", cells)
			}
			time.Sleep(time.Second)
		}
		booting.Store(false)
		if cells, err := read(t, d); cells != "xxxxxxxx" {
			t.Fatalf("booted: %s, %v", cells, err)
		}
		time.Sleep(time.Hour)
		before := asked.Load()
		if cells, err := read(t, d); cells != "xxxxxxxx" || asked.Load() != before+1 {
			t.Errorf("an hour later: %s, %v in %d requests, want 1", cells, err, asked.Load()-before)
		}
	})
}

// A gateway that swallows long answers: the unit seems dead, but a sample
// answers, so the request is cut until it passes.
func TestDev_silentWhenTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		open, _ := unitThatRefuses(func(_, n int) byte {
			if n > 40 {
				return silent
			}
			return 0
		})
		l := NewLine(open, LineOptions{Timeout: 300 * time.Millisecond})
		defer l.Close()
		var at []int
		for a := range 120 {
			at = append(at, a)
		}
		d := newDev(t, l, 7, words(at...), Options{})
		start := time.Now()
		for {
			if _, err := read(t, d); err == nil {
				break
			}
			if time.Since(start) > 2*time.Minute {
				t.Fatalf("not read after two minutes: %s", names(d.plan))
			}
			time.Sleep(time.Second)
		}
		if len(d.plan) != 4 {
			t.Errorf("plan %s, want 4 requests of 30", names(d.plan))
		}
		t.Logf("read whole after %v", time.Since(start))
		for range 20 {
			if cells, err := read(t, d); err != nil {
				t.Fatalf("%s, %v", cells, err)
			}
		}
	})
}

// A device that is really dead is sampled once a pause, and never cut up.
func TestDev_deadIsNotCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var dead atomic.Bool
		dead.Store(true)
		open, asked := unitThatRefuses(func(_, n int) byte {
			if dead.Load() {
				return silent
			}
			return 0
		})
		l := begun(NewLine(open, LineOptions{Timeout: 300 * time.Millisecond}))
		defer l.Close()
		d := newDev(t, l, 7, words(0, 1, 2, 3), Options{})
		for range 200 {
			read(t, d)
			time.Sleep(time.Second)
		}
		if got := asked.Load(); got > 14 || len(d.plan) != 1 {
			t.Errorf("%d requests in 200s, plan %s; want a probe each pause", got, names(d.plan))
		}
		dead.Store(false)
		time.Sleep(31 * time.Second)
		if cells, err := read(t, d); cells != "xxxx" || len(d.plan) != 1 {
			t.Errorf("back: %s, %v, plan %s", cells, err, names(d.plan))
		}
	})
}

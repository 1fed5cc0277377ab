package modbus

import (
	"bytes"
	"errors"
	"testing"
	"time"
)

// appendCRC ends a frame.
func appendCRC(b []byte) []byte {
	crc := crc16(b)
	return append(b, byte(crc), byte(crc>>8))
}

// askRTU is a request to unit 7 for n elements from address 0.
func askRTU(table Table, n int) []byte {
	return appendCRC([]byte{7, byte(table), 0, 0, byte(n >> 8), byte(n)})
}

func TestRTU_cut(t *testing.T) {
	r := newFraming(RTU).(*rtu)
	r.missed([]byte{9}, time.Now()) // unit 9 owes an answer
	two, bits := askRTU(Holding, 2), askRTU(Coil, 9)
	frame := func(b ...byte) []byte { return appendCRC(b) }
	good := frame(7, 3, 4, 1, 2, 3, 4)
	spoilt := bytes.Clone(good)
	spoilt[4] ^= 0x10
	tests := []struct {
		name  string
		req   []byte
		got   []byte
		n     int
		stale bool
		bad   bool
	}{
		{"nothing", two, nil, 0, false, false},
		{"unit", two, good[:1], 0, false, false},
		{"no count yet", two, good[:2], 0, false, false},
		{"one byte short", two, good[:8], 0, false, false},
		{"whole", two, good, 9, false, false},
		{"more behind it", two, append(bytes.Clone(good), 9, 9), 9, false, false},
		{"bits", bits, frame(7, 1, 2, 1, 1), 7, false, false},
		{"exception", two, frame(7, 0x83, 2), 5, false, false},
		{"exception, first four bytes", two, frame(7, 0x83, 2)[:4], 0, false, false},
		{"exception to another", two, frame(7, 0x84, 2), 0, false, true},
		{"checksum", two, spoilt, 0, false, true},
		{"count", two, []byte{7, 3, 6, 0}, 0, false, true},
		{"count, or glitches", two, []byte{7, 3, 6}, 0, false, false},
		{"function", two, []byte{7, 4, 4, 0}, 0, false, true},
		{"function beyond", two, []byte{7, 0x2b, 4, 0}, 0, false, true},
		{"other unit", two, []byte{8, 3, 4, 1}, 0, false, true},
		{"other unit, or a glitch", two, []byte{8, 3, 4}, 0, false, false},
		{"glitch", two, append([]byte{0xfc}, good...), 1, true, false},
		{"glitch, then the answer begins", two, append([]byte{0xfc}, good[:2]...), 0, false, false},
		{"glitches", two, append([]byte{0xfc, 7, 0x80}, good...), 3, true, false},
		{"glitch before a refusal", two, append([]byte{0xfe}, frame(7, 0x83, 2)...), 1, true, false},
		{"too many glitches", two, append([]byte{0xfc, 0xfc, 0xfc, 0xfc}, good...), 0, false, true},
		{"glitch before another's answer", two, append([]byte{0xfc}, frame(8, 3, 4, 1, 2, 3, 4)...), 0, false, true},
		{"glitch before another size", two, append([]byte{0xfc}, frame(7, 3, 2, 1, 2)...), 0, false, true},
		{"late of the unit that owes", two, frame(9, 4, 2, 0, 1), 7, true, false},
		{"late and spoilt", two, []byte{9, 4, 2, 0, 1, 0, 0}, 0, false, true},
		{"echo", two, append(bytes.Clone(two), good...), 8, true, false},
		{"echo that has begun", two, two[:5], 0, false, false},
		{"null at the turn-round", two, append([]byte{0}, good...), 1, true, false},
		{"ones at the turn-round", two, append([]byte{0xff}, good...), 1, true, false},
	}
	for _, tt := range tests {
		n, stale, err := r.cut(tt.req, tt.got)
		if n != tt.n || stale != tt.stale || (err != nil) != tt.bad || tt.bad && !errors.Is(err, ErrFrame) {
			t.Errorf("%s: %d, stale %v, %v; want %d, %v, error %v", tt.name, n, stale, err, tt.n, tt.stale, tt.bad)
		}
	}
}

// Whatever stands before an answer on a line without bias, up to three bytes and
// be they the unit's own number, the answer is found, and never a spoilt one.
func TestRTU_cutAnyGlitch(t *testing.T) {
	r := newFraming(RTU).(*rtu)
	r.missed([]byte{9}, time.Now())
	for _, req := range [][]byte{askRTU(Holding, 2), appendCRC([]byte{3, 3, 0, 0, 0, 2}), appendCRC([]byte{1, 1, 0, 0, 0, 8})} {
		whole := append([]byte{req[0], req[1], byte(dataLen(req[1:], 2))}, bytes.Repeat([]byte{req[0]}, dataLen(req[1:], 2))...)
		for _, answer := range [][]byte{appendCRC(whole), appendCRC([]byte{req[0], req[1] | 0x80, 2})} {
			for b := range 256 {
				for n := 1; n <= glitches; n++ {
					got := append(bytes.Repeat([]byte{byte(b)}, n), answer...)
					if b == 9 && answer[1] != req[1] {
						continue // begins as the long answer that unit 9 owes, and is waited for
					}
					for len(got) > len(answer) {
						k, stale, err := r.cut(req, got)
						if k < 1 || k > n || !stale || err != nil {
							t.Fatalf("%d times %02x before % x: %d, %v, %v", n, b, answer, k, stale, err)
						}
						got = got[k:]
					}
					if k, stale, err := r.cut(req, got); k != len(answer) || stale || err != nil {
						t.Fatalf("% x behind %d times %02x: %d, %v, %v", answer, n, b, k, stale, err)
					}
					got = append(bytes.Repeat([]byte{byte(b)}, n), answer...)
					got[n+3] ^= 4
					for k, stale := 1, true; k > 0; got = got[k:] {
						if k, stale, _ = r.cut(req, got); k > 0 && !stale {
							t.Fatalf("%d times %02x before % x, spoilt: taken", n, b, answer)
						}
					}
				}
			}
		}
	}
}

// FuzzRTUFrame feeds the answer parser: what it accepts has the right unit,
// function, size and checksum; more bytes never change a verdict.
func FuzzRTUFrame(f *testing.F) {
	f.Add(byte(3), uint16(2), appendCRC([]byte{7, 3, 4, 1, 2, 3, 4}))
	f.Add(byte(3), uint16(2), appendCRC([]byte{7, 0x83, 2}))
	f.Add(byte(1), uint16(9), appendCRC([]byte{9, 1, 2, 1, 1}))
	f.Add(byte(4), uint16(125), askRTU(Input, 125))
	f.Fuzz(func(t *testing.T, fc byte, quantity uint16, got []byte) {
		table := Table(fc%4 + 1)
		r := newFraming(RTU).(*rtu)
		r.missed([]byte{9}, time.Now())
		req := askRTU(table, int(quantity)%table.limit(2)+1)
		n, stale, err := r.cut(req, got)
		if err != nil {
			if !errors.Is(err, ErrFrame) || n != 0 {
				t.Fatalf("%d bytes, error %v", n, err)
			}
			return
		}
		if n == 0 {
			if len(got) >= maxADU {
				t.Fatal("a frame's worth of bytes is neither a frame nor refused")
			}
			return
		}
		if n > len(got) {
			t.Fatalf("frame of %d bytes in %d", n, len(got))
		}
		for k := range n {
			if early, _, err := r.cut(req, got[:k]); early != 0 || err != nil {
				t.Fatalf("first %d bytes of a good frame: %d, %v", k, early, err)
			}
		}
		if stale {
			return
		}
		pdu := got[1 : n-2]
		switch {
		case got[0] != req[0] || !bytes.Equal(appendCRC(bytes.Clone(got[:n-2])), got[:n]):
			t.Fatalf("accepted % x to % x", got[:n], req)
		case pdu[0] == byte(table)|0x80 && len(pdu) == 2:
		case pdu[0] == byte(table) && len(pdu) == 2+dataLen(req[1:6], 2) && int(pdu[1]) == len(pdu)-2:
		default:
			t.Fatalf("accepted % x to % x", got[:n], req)
		}
	})
}

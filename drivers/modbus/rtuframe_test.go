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
		{"count", two, []byte{7, 3, 6}, 0, false, true},
		{"function", two, []byte{7, 4, 4}, 0, false, true},
		{"function beyond", two, []byte{7, 0x2b, 4}, 0, false, true},
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
		req := askRTU(table, int(quantity)%table.limit()+1)
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
		case pdu[0] == byte(table) && len(pdu) == 2+dataLen(req[1:6]) && int(pdu[1]) == len(pdu)-2:
		default:
			t.Fatalf("accepted % x to % x", got[:n], req)
		}
	})
}

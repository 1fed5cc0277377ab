package modbus

import (
	"encoding/binary"
	"errors"
	"testing"
)

// ask is a stamped request to unit 7 for n elements from address 0.
func ask(t testing.TB, m *mbap, table Table, n int) []byte {
	t.Helper()
	req := []byte{0, 0, 0, 0, 0, 6, 7, byte(table), 0, 0, byte(n >> 8), byte(n)}
	pdu, err := m.stamp(req, 2)
	if err == nil {
		err = checkReading(pdu, 2)
	}
	if err != nil {
		t.Fatal(err)
	}
	return req
}

func TestMBAP_cut(t *testing.T) {
	m := &mbap{transaction: 99}
	two, bits := ask(t, m, Holding, 2), ask(t, m, Coil, 9) // transactions 100 and 101
	tests := []struct {
		name  string
		req   []byte
		got   []byte
		n     int
		stale bool
		bad   bool
	}{
		{"nothing", two, nil, 0, false, false},
		{"no function yet", two, []byte{0, 100, 0, 0, 0, 7, 7}, 0, false, false},
		{"no data yet", two, []byte{0, 100, 0, 0, 0, 7, 7, 3}, 0, false, false},
		{"one byte short", two, []byte{0, 100, 0, 0, 0, 7, 7, 3, 4, 1, 2, 3}, 0, false, false},
		{"whole", two, []byte{0, 100, 0, 0, 0, 7, 7, 3, 4, 1, 2, 3, 4}, 13, false, false},
		{"more behind it", two, []byte{0, 100, 0, 0, 0, 7, 7, 3, 4, 1, 2, 3, 4, 9, 9}, 13, false, false},
		{"bits", bits, []byte{0, 101, 0, 0, 0, 5, 7, 1, 2, 1, 1}, 11, false, false},
		{"exception", two, []byte{0, 100, 0, 0, 0, 3, 7, 0x83, 2}, 9, false, false},
		{"late", two, []byte{0, 99, 0, 0, 0, 3, 7, 0x84, 2}, 9, true, false},
		{"late by half the ids", two, []byte{0x80, 101, 0, 0, 0, 3, 7, 0x84, 2}, 9, true, false},
		{"late of another unit and size", two, []byte{0, 1, 0, 0, 0, 5, 9, 4, 2, 0, 0}, 11, true, false},
		{"not asked yet", two, []byte{0, 101, 0, 0, 0, 7, 7, 3}, 0, false, true},
		{"protocol", two, []byte{0, 100, 0, 1, 0, 7, 7, 3}, 0, false, true},
		{"unit", two, []byte{0, 100, 0, 0, 0, 7, 8, 3}, 0, false, true},
		{"function", two, []byte{0, 100, 0, 0, 0, 7, 7, 4}, 0, false, true},
		{"exception to another", two, []byte{0, 100, 0, 0, 0, 3, 7, 0x84}, 0, false, true},
		{"exception, long", two, []byte{0, 100, 0, 0, 0, 4, 7, 0x83}, 0, false, true},
		{"function 0x83 as data", two, []byte{0, 100, 0, 0, 0, 7, 7, 0x83}, 0, false, true},
		{"length 0", two, []byte{0, 100, 0, 0, 0, 0, 7, 3}, 0, false, true},
		{"length 2", two, []byte{0, 100, 0, 0, 0, 2, 7, 3}, 0, false, true},
		{"length 255", two, []byte{0, 100, 0, 0, 0, 255, 7, 3}, 0, false, true},
		{"length for three", two, []byte{0, 100, 0, 0, 0, 9, 7, 3}, 0, false, true},
		{"length for one", two, []byte{0, 100, 0, 0, 0, 5, 7, 3}, 0, false, true},
		{"byte count", two, []byte{0, 100, 0, 0, 0, 7, 7, 3, 2, 1, 2, 3, 4}, 0, false, true},
		{"late, length 255", two, []byte{0, 99, 0, 0, 0, 255, 7, 3}, 0, false, true},
	}
	for _, tt := range tests {
		n, stale, err := m.cut(tt.req, tt.got)
		if n != tt.n || stale != tt.stale && n > 0 || (err != nil) != tt.bad || tt.bad && !errors.Is(err, ErrFrame) {
			t.Errorf("%s: %d, stale %v, %v; want %d, %v, error %v", tt.name, n, stale, err, tt.n, tt.stale, tt.bad)
		}
	}
}

// Ids pass zero without a request seeming older than its predecessor.
func TestMBAP_transactionWraps(t *testing.T) {
	m := &mbap{transaction: 0xfffe}
	for range 4 {
		old := m.transaction
		req := ask(t, m, Holding, 1)
		ans := []byte{0, 0, 0, 0, 0, 5, 7, 3, 2, 0, 0}
		binary.BigEndian.PutUint16(ans, old)
		if n, stale, err := m.cut(req, ans); n != 11 || !stale || err != nil {
			t.Errorf("answer %#x to request %#x: %d %v %v, want a stale one", old, m.transaction, n, stale, err)
		}
		binary.BigEndian.PutUint16(ans, m.transaction)
		if n, stale, err := m.cut(req, ans); n != 11 || stale || err != nil {
			t.Errorf("answer %#x: %d %v %v, want the answer", m.transaction, n, stale, err)
		}
	}
}

// FuzzFrame feeds the answer parser: whatever it accepts is an answer of exactly
// the size that was asked for, from the unit, function and transaction asked;
// more bytes never change a verdict.
func FuzzFrame(f *testing.F) {
	f.Add(byte(3), uint16(2), []byte{0, 1, 0, 0, 0, 7, 7, 3, 4, 1, 2, 3, 4})
	f.Add(byte(3), uint16(2), []byte{0, 1, 0, 0, 0, 3, 7, 0x83, 2})
	f.Add(byte(1), uint16(9), []byte{0, 0, 0, 0, 0, 5, 7, 1, 2, 1, 1, 0, 1, 0, 0, 0, 5, 7, 1, 2, 1, 1})
	f.Add(byte(4), uint16(125), []byte{0, 1, 0, 0, 0, 253, 7, 4, 250})
	f.Fuzz(func(t *testing.T, fc byte, quantity uint16, got []byte) {
		table := Table(fc%4 + 1)
		m := new(mbap)
		req := ask(t, m, table, int(quantity)%table.limit(2)+1)
		n, stale, err := m.cut(req, got)
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
		if n > len(got) || n < 9 || n > maxADU {
			t.Fatalf("frame of %d bytes in %d", n, len(got))
		}
		if again, s, err := m.cut(req, got[:n]); again != n || s != stale || err != nil {
			t.Fatalf("frame alone: %d %v %v", again, s, err)
		}
		for k := range n {
			if early, _, err := m.cut(req, got[:k]); early != 0 || err != nil {
				t.Fatalf("first %d bytes of a good frame: %d, %v", k, early, err)
			}
		}
		if stale {
			return
		}
		pdu := got[mbapLen:n]
		switch {
		case got[0] != req[0] || got[1] != req[1] || got[6] != req[6]:
			t.Fatalf("accepted % x to % x", got[:n], req)
		case pdu[0] == byte(table)|0x80 && len(pdu) == 2:
		case pdu[0] == byte(table) && len(pdu) == 2+dataLen(req[mbapLen:], 2) && int(pdu[1]) == len(pdu)-2:
		default:
			t.Fatalf("accepted % x to % x", got[:n], req)
		}
	})
}

package modbus

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"testing"
	"time"

	gridx "github.com/grid-x/modbus"
)

// wire is a connection whose peer answers every request with prepared bytes, in
// pieces of any size, and then hangs up.
type wire struct {
	net.Conn // nil: for what nobody calls
	answer   func(req []byte) []byte
	piece    int
	left     []byte
}

func (w *wire) Write(req []byte) (int, error) {
	w.left = append(w.left, w.answer(req)...)
	return len(req), nil
}

func (w *wire) Read(b []byte) (int, error) {
	if len(w.left) == 0 {
		return 0, io.EOF
	}
	n := copy(b[:min(len(b), w.piece)], w.left)
	w.left = w.left[n:]
	return n, nil
}

func (w *wire) Close() error                    { return nil }
func (w *wire) SetDeadline(time.Time) error     { return nil }
func (w *wire) SetReadDeadline(time.Time) error { return nil }

// question is one request and what its peer makes of it.
type question struct {
	table Table
	unit  uint8
	at, n uint16
	piece int
	// answer builds the bytes that come back. They hang on the request's
	// transaction id only, so both clients get the same.
	answer func(req []byte) []byte
	kind   string
	data   []byte // of the right answer
}

// good is the right answer.
func (q *question) good(req []byte) []byte {
	return frame(req, append([]byte{byte(q.table), byte(len(q.data))}, q.data...))
}

// frame puts a PDU behind the header of a request's answer, V1.0b §3.1.3.
func frame(req, pdu []byte) []byte {
	out := append([]byte{req[0], req[1], 0, 0}, 0, 0, req[6])
	binary.BigEndian.PutUint16(out[4:], uint16(1+len(pdu)))
	return append(out, pdu...)
}

func draw(rng *rand.Rand) *question {
	q := &question{table: Table(1 + rng.IntN(4)), unit: uint8(rng.IntN(256)), at: uint16(rng.IntN(60000)), piece: 1 + rng.IntN(300)}
	q.n = uint16(1 + rng.IntN(q.table.limit(2)))
	size := 2 * int(q.n)
	if q.table.bits() {
		size = (int(q.n) + 7) / 8
	}
	q.data = make([]byte, size)
	for i := range q.data {
		q.data[i] = byte(rng.Uint32())
	}
	code := byte(rng.IntN(13))
	seed := rng.Uint64()
	switch k := rng.IntN(10); {
	case k < 3:
		q.kind = "answer"
		q.answer = func(req []byte) []byte { return q.good(req) }
	case k < 5:
		q.kind = "exception"
		q.answer = func(req []byte) []byte { return frame(req, []byte{byte(q.table) | 0x80, code}) }
	case k < 6:
		q.kind = "late answer before the right one"
		q.answer = func(req []byte) []byte {
			late := q.good(req)
			binary.BigEndian.PutUint16(late, binary.BigEndian.Uint16(late)-uint16(1+seed%40))
			return append(late, q.good(req)...)
		}
	default:
		q.kind = "malformed"
		q.answer = func(req []byte) []byte { return spoil(rand.New(rand.NewPCG(seed, 0)), q.good(req)) }
	}
	return q
}

// spoil damages a frame as peers and lines do.
func spoil(rng *rand.Rand, b []byte) []byte {
	if rng.IntN(4) == 0 { // an exception, damaged
		b = frame(b, []byte{b[7] | 0x80, byte(rng.IntN(13))})
	}
	for range 1 + rng.IntN(2) {
		switch rng.IntN(9) {
		case 0: // any byte of the header, function or count
			b[rng.IntN(min(9, len(b)))] = byte(rng.Uint32())
		case 1: // cut short
			b = b[:rng.IntN(len(b)+1)]
		case 2: // more than it says
			b = append(b, make([]byte, 1+rng.IntN(9))...)
		case 3: // fewer or more data, told in the header and the count
			n := max(0, len(b)-9+2*(rng.IntN(9)-4))
			b = frame(b, append([]byte{b[7], byte(n)}, make([]byte, min(n, 255))...))
		case 4: // told in the header only
			b = frame(b, append(bytes.Clone(b[7:]), make([]byte, 2*rng.IntN(3))...))
		case 5: // another function
			b[7] = byte(1 + rng.IntN(127))
		case 6: // another unit
			b[6]++
		case 7: // another transaction
			binary.BigEndian.PutUint16(b, binary.BigEndian.Uint16(b)+uint16(rng.IntN(5))-2)
		case 8: // noise
			for i := range b {
				b[i] = byte(rng.Uint32())
			}
		}
		if len(b) < 9 {
			break
		}
	}
	return b
}

// outcome is what a client made of an answer.
type outcome struct {
	data      string
	exception *ExceptionError
	failed    bool
}

func (o outcome) String() string {
	switch {
	case o.exception != nil:
		return o.exception.Error()
	case o.failed:
		return "error"
	}
	return fmt.Sprintf("% x", o.data)
}

func oursSays(q *question) outcome {
	once := false
	l := NewLine(func(context.Context) (io.ReadWriteCloser, error) {
		if once {
			return nil, errors.New("no second connection")
		}
		once = true
		return &wire{answer: q.answer, piece: q.piece}, nil
	}, LineOptions{})
	defer l.Close()
	b, err := l.Read(context.Background(), q.unit, q.table, q.at, q.n)
	var x *ExceptionError
	if errors.As(err, &x) {
		return outcome{exception: x}
	}
	return outcome{data: string(b), failed: err != nil}
}

func theirsSays(q *question) outcome {
	h := gridx.NewTCPClientHandler("", gridx.WithDialer(func(context.Context, string, string) (net.Conn, error) {
		return &wire{answer: q.answer, piece: q.piece}, nil
	}))
	h.SlaveID = q.unit
	defer h.Close()
	c := gridx.NewClient(h)
	read := []func(context.Context, uint16, uint16) ([]byte, error){Coil: c.ReadCoils, Discrete: c.ReadDiscreteInputs, Holding: c.ReadHoldingRegisters, Input: c.ReadInputRegisters}
	b, err := read[q.table](context.Background(), q.at, q.n)
	var x *gridx.Error
	if errors.As(err, &x) {
		return outcome{exception: &ExceptionError{Function: x.FunctionCode &^ 0x80, Code: x.ExceptionCode}}
	}
	return outcome{data: string(b), failed: err != nil}
}

// stricter says why we refuse an answer that the other client takes; empty
// where there is no good reason. It looks at the bytes alone.
func stricter(q *question, answer []byte) string {
	length := int(binary.BigEndian.Uint16(answer[4:]))
	fc, want := answer[7], 2+2*int(q.n)
	if q.table.bits() {
		want = 2 + (int(q.n)+7)/8
	}
	switch {
	case fc != byte(q.table) && fc != byte(q.table)|0x80:
		return "an answer to another function, which the other takes for an exception"
	case fc == byte(q.table)|0x80 && length != 3:
		return "an exception that is not two bytes long"
	case fc == byte(q.table) && length != 1+want:
		return "not as many registers as were asked for"
	case fc == byte(q.table) && int(answer[8]) != want-2:
		return "a byte count other than the bytes that came"
	}
	return ""
}

// 10,000 answers, right, wrong and refusing, to us and to grid-x/modbus: the
// same registers, the same exceptions, or both an error. Where we differ the
// difference is one of those that stricter names, or that we wait for the right
// answer behind a late one.
func TestLine_againstGridX(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 2026))
	counts := map[string]int{}
	for i := range 10_000 {
		q := draw(rng)
		ours, theirs := oursSays(q), theirsSays(q)
		answer := q.answer([]byte{0, 1, 0, 0, 0, 6, q.unit})
		if (q.kind == "answer" || q.kind == "late answer before the right one") && ours.data != string(q.data) {
			t.Errorf("question %d, %s: %v, want % x", i, q.kind, ours, q.data)
		}
		switch {
		case ours.String() == theirs.String():
			verdict := "both the same registers"
			if ours.failed {
				verdict = "both an error"
			} else if ours.exception != nil {
				verdict = "both the same exception"
			}
			counts[q.kind+": "+verdict]++
		case ours.failed && stricter(q, answer) != "":
			counts["we alone refuse "+stricter(q, answer)]++
		case theirs.failed && !ours.failed && q.kind == "late answer before the right one":
			counts["we alone wait for the right answer behind a late one"]++
		default:
			t.Errorf("question %d, %s, %v %d+%d of unit %d, answer % x:\nwe    %v\nthey  %v", i, q.kind, q.table, q.at, q.n, q.unit, answer, ours, theirs)
		}
	}
	for k, n := range counts {
		t.Logf("%5d %s", n, k)
	}
	for _, k := range []string{"answer: both the same registers", "exception: both the same exception", "malformed: both an error"} {
		if counts[k] < 1000 {
			t.Errorf("%d times %q: the answers are not mixed as meant", counts[k], k)
		}
	}
}

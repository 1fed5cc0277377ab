package modbus

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/goburrow/modbus"
)

// framing wraps requests and unwraps answers on a connection. It belongs to one
// connection and is used by one request at a time.
type framing interface {
	// packager builds the requests to a unit.
	packager(unit uint8) modbus.Packager
	// stamp completes a request for sending, in place, and returns the PDU
	// inside it. Its answer has width bytes for each register, 2 or 4.
	stamp(req []byte, width int) (pdu []byte, err error)
	// cut examines the bytes received since the request. n > 0: skip the first n
	// bytes if stale is true, else they are the answer. n = 0: more bytes are
	// needed. An error wraps ErrFrame: the stream is out of step.
	cut(req, got []byte) (n int, stale bool, err error)
	// missed notes that the answer to req may still arrive, until a time; zero
	// withdraws that.
	missed(req []byte, until time.Time)
	// earliest is when req may be sent without mistaking an earlier answer for
	// its own. Zero means at once.
	earliest(req []byte) time.Time
}

func newFraming(m Mode) framing {
	if m == TCP {
		return new(mbap)
	}
	return &rtu{late: make(map[uint8]time.Time)}
}

const (
	mbapLen = 7   // transaction 2, protocol 2, length 2, unit 1; V1.0b §3.1.3
	maxADU  = 260 // V1.1b3 §4.1
)

// mbap is the framing of Modbus TCP.
type mbap struct {
	transaction uint16 // of the newest request
	width       int    // bytes in a register of its answer; 0 = 2
}

func (m *mbap) packager(unit uint8) modbus.Packager {
	h := modbus.NewTCPClientHandler("") // never dials: only its Packager is used
	h.SlaveId = unit
	return h
}

// stamp replaces the packager's transaction id by the connection's. Each unit has
// its own packager, so on a shared connection two units would use the same ids.
func (m *mbap) stamp(req []byte, width int) ([]byte, error) {
	if len(req) < mbapLen+1 {
		return nil, fmt.Errorf("request of %d bytes: %w", len(req), ErrReadOnly)
	}
	m.transaction++
	m.width = width
	binary.BigEndian.PutUint16(req, m.transaction)
	return req[mbapLen:], nil
}

func (m *mbap) cut(req, got []byte) (n int, stale bool, err error) {
	if len(got) < mbapLen+1 {
		return 0, false, nil
	}
	if p := binary.BigEndian.Uint16(got[2:]); p != 0 {
		return 0, false, fmt.Errorf("%w: protocol id %d, want 0", ErrFrame, p)
	}
	// At least unit, function and one more byte; V1.1b3 §4.1 bounds the PDU.
	length := int(binary.BigEndian.Uint16(got[4:]))
	if length < 3 || length > maxADU-mbapLen+1 {
		return 0, false, fmt.Errorf("%w: length %d, want 3 to %d", ErrFrame, length, maxADU-mbapLen+1)
	}
	id, want := binary.BigEndian.Uint16(got), binary.BigEndian.Uint16(req)
	if age := int16(want - id); age < 0 {
		return 0, false, fmt.Errorf("%w: transaction %d is not yet in use, want %d", ErrFrame, id, want)
	} else if age > 0 {
		stale = true
	} else if got[6] != req[6] {
		return 0, false, &UnitError{got[6], req[6]}
	} else if err := checkShape(req[mbapLen:], got[mbapLen], length-1, m.width); err != nil {
		return 0, false, err
	}
	n = mbapLen - 1 + length
	if len(got) < n {
		return 0, false, nil
	}
	if !stale && got[mbapLen] == req[mbapLen] && got[mbapLen] != readIdentity && int(got[mbapLen+1]) != n-mbapLen-2 {
		return 0, false, fmt.Errorf("%w: byte count %d, want %d", ErrFrame, got[mbapLen+1], n-mbapLen-2)
	}
	return n, stale, nil
}

// missed and earliest do nothing: transaction ids identify late answers.
func (m *mbap) missed([]byte, time.Time)  {}
func (m *mbap) earliest([]byte) time.Time { return time.Time{} }

// checkShape compares the function code and the size of an answer's PDU with the
// request's PDU, so that a wrong length is found before the answer is complete.
func checkShape(req []byte, fc byte, size, width int) error {
	want := 2 // exception: function and code, V1.1b3 §7
	if fc != req[0]|0x80 {
		if fc != req[0] {
			return outOfStep{fmt.Errorf("%w: function %d, want %d", ErrFrame, fc, req[0]), kindOf(fc, size)}
		}
		if fc == readIdentity {
			return nil // its length is in its objects
		}
		want = 2 + dataLen(req, width)
	}
	if size != want {
		why := ""
		if n := want - 2; n > 0 && size == 2+2*n && !Table(fc).bits() && width < 4 {
			why = ", or registers of 32 bits"
		}
		return outOfStep{fmt.Errorf("%w: PDU of %d bytes, want %d%s", ErrFrame, size, want, why), kindOf(fc, size)}
	}
	return nil
}

// kindOf is the kind of an answer whose PDU begins with fc and has size bytes.
func kindOf(fc byte, size int) answerKind {
	if fc&0x80 != 0 {
		return answerKind{table: Table(fc &^ 0x80)}
	}
	return answerKind{Table(fc), size - 2}
}

// dataLen is the number of data bytes that a read request's PDU asks for, if a
// register has width bytes; 0 where only the answer says it.
func dataLen(pdu []byte, width int) int {
	if pdu[0] == readIdentity {
		return 0
	}
	n := int(binary.BigEndian.Uint16(pdu[3:]))
	if Table(pdu[0]).bits() {
		return (n + 7) / 8
	}
	return max(width, 2) * n
}

// checkReading accepts only reads of a valid quantity, and the question what the
// device is.
func checkReading(pdu []byte, width int) error {
	if isIdentity(pdu) {
		return nil
	}
	if fc := pdu[0]; fc < byte(Coil) || fc > byte(Input) || len(pdu) != 5 {
		return fmt.Errorf("function %d: %w", fc, ErrReadOnly)
	}
	if n, limit := int(binary.BigEndian.Uint16(pdu[3:])), Table(pdu[0]).limit(width); n < 1 || n > limit {
		return fmt.Errorf("quantity %d, want 1 to %d: %w", n, limit, ErrReadOnly)
	}
	return nil
}

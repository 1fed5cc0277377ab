package modbus

import (
	"bytes"
	"fmt"
	"time"

	"github.com/goburrow/modbus"
)

// rtuOverhead is the number of bytes around the PDU of an RTU frame: unit and
// CRC; V1.02 §2.5.1.
const rtuOverhead = 3

// rtu is the framing of serial lines. Its frames carry no transaction id: only
// time distinguishes a unit's late answer from the one that was asked for.
type rtu struct {
	late  map[uint8]time.Time // by unit: until when a late answer may arrive
	width int                 // bytes in a register of the answer to the newest request; 0 = 2
}

func (r *rtu) packager(unit uint8) modbus.Packager {
	h := modbus.NewRTUClientHandler("") // opens no port: only its Packager is used
	h.SlaveId = unit
	return h
}

func (r *rtu) stamp(req []byte, width int) ([]byte, error) {
	r.width = width
	if len(req) < rtuOverhead+1 {
		return nil, fmt.Errorf("request of %d bytes: %w", len(req), ErrReadOnly)
	}
	return req[1 : len(req)-2], nil
}

func (r *rtu) missed(req []byte, until time.Time) {
	if until.IsZero() {
		delete(r.late, req[0])
		return
	}
	r.late[req[0]] = until
}

func (r *rtu) earliest(req []byte) time.Time { return r.late[req[0]] }

// cut finds the complete answer of the unit that was asked. It skips what cannot
// be mistaken for that answer: the adapter's echo of the request, null and
// all-ones bytes and a few others that the line makes at its turnaround, and the
// late answer of another unit.
func (r *rtu) cut(req, got []byte) (n int, stale bool, err error) {
	if len(got) == 0 {
		return 0, false, nil
	}
	if bytes.HasPrefix(got, req) {
		return len(req), true, nil
	}
	unit := got[0]
	if (unit == 0 || unit == 0xFF) && unit != req[0] {
		return 1, true, nil
	}
	if _, late := r.late[unit]; unit != req[0] && !late {
		return r.behind(req, got, &UnitError{unit, req[0]})
	}
	n, err = frameLen(got)
	if err == nil && unit == req[0] && len(got) > 2 {
		err = checkShape(req[1:len(req)-2], got[1], n-rtuOverhead, r.width)
	}
	switch {
	case err != nil && bytes.HasPrefix(req, got):
		return 0, false, nil // perhaps the beginning of an echo
	case err != nil:
		return r.behind(req, got, err)
	case n == 0 || len(got) < n, len(got) < len(req) && bytes.HasPrefix(req, got):
		return 0, false, nil
	}
	if crc := crc16(got[:n-2]); !intact(got[:n]) {
		return r.behind(req, got, fmt.Errorf("%w: CRC %02x%02x, want %02x%02x", ErrFrame, got[n-2], got[n-1], byte(crc), byte(crc>>8)))
	}
	return n, unit != req[0], nil
}

// glitches is how many stray bytes may precede an answer: a line without bias
// resistors makes them at its turnaround.
const glitches = 3

// behind finds the answer to req behind a few stray bytes. Cause says why got does
// not begin with a frame. N is the number of stray bytes, 0 = not known yet. A
// stray byte may equal a unit, even the one that was asked, so only a complete
// answer with a good CRC is found.
func (r *rtu) behind(req, got []byte, cause error) (n int, stale bool, err error) {
	open := len(got) <= glitches // the answer may begin with the next byte
	for i := 1; i <= glitches && i < len(got); i++ {
		switch size := answerLen(req, got[i:], r.width); {
		case size == 0:
		case len(got) < i+size:
			open = true
		case intact(got[i : i+size]):
			return i, true, nil
		}
	}
	if open {
		return 0, false, nil
	}
	return 0, false, cause
}

// answerLen is the length of the answer to req if got begins with one, as far as
// its bytes show; 0 = it does not.
func answerLen(req, got []byte, width int) int {
	switch {
	case got[0] != req[0] || len(got) > 1 && got[1]&^0x80 != req[1]:
		return 0
	case len(got) > 1 && got[1] != req[1]:
		return rtuOverhead + 2 // an exception
	case req[1] == readIdentity:
		if n, err := frameLen(got); n > 0 || err != nil {
			return n
		}
		return maxADU // more bytes are needed
	case len(got) > 2 && int(got[2]) != dataLen(req[1:], width):
		return 0
	}
	return rtuOverhead + 2 + dataLen(req[1:], width)
}

// intact reports whether a frame's checksum is right.
func intact(frame []byte) bool {
	n := len(frame) - 2
	crc := crc16(frame[:n])
	return frame[n] == byte(crc) && frame[n+1] == byte(crc>>8)
}

// frameLen is the length of the answer that got begins with; 0 = not known yet.
func frameLen(got []byte) (int, error) {
	if len(got) < 3 {
		return 0, nil
	}
	switch fc := got[1]; {
	case fc&0x80 != 0:
		return rtuOverhead + 2, nil // function and code, V1.1b3 §7
	case fc >= byte(Coil) && fc <= byte(Input):
		return rtuOverhead + 2 + int(got[2]), nil
	case fc == readIdentity:
		n, err := identityLen(got[1:])
		if n > 0 {
			n += rtuOverhead
		}
		return n, err
	default:
		return 0, fmt.Errorf("%w: function %d", ErrFrame, fc)
	}
}

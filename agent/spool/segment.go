package spool

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
)

// Sizes and marks of the format, which doc.go describes.
const (
	version     = 1
	headerFixed = 48 // bytes of one copy of the segment header without its state
	recordFixed = 40 // bytes of a record's head

	maxTopic  = math.MaxUint16
	maxState  = 64 << 10
	maxNote   = math.MaxUint8
	maxRecord = 1 << 20 // head and body

	flagRetain = 1 << 0
	flagState  = 1 << 1
)

// UTF-8 text never contains 0xF7, so neither mark can occur inside a JSON
// payload. The line end in segmentMark reveals a copy made in text mode.
var (
	segmentMark = []byte("\xf7spool\r\n")
	recordMark  = []byte("\xf7rec")
	castagnoli  = crc32.MakeTable(crc32.Castagnoli)
)

var (
	errForeign = errors.New("not a spool segment")
	errNewer   = errors.New("written by a newer version of this program")
	errDamaged = errors.New("checksum or length is wrong")
)

// header is the start of a segment. It repeats what must not be lost when the
// segments before it are removed.
type header struct {
	last    uint64 // last number given out when the segment was created
	prev    uint64 // number of the last record stored before it; 0 = none
	created int64  // Unix time in milliseconds, for inspection only
	state   []byte // the caller's blob when the segment was created
}

// record is one accepted message.
type record struct {
	seq   uint64
	at    int64 // Unix time in milliseconds by the clock, which may not have been set
	msg   Message
	state []byte // the caller's blob; nil = it did not change
}

// appendHeader appends both copies of a header: one damaged byte must not lose
// the blob when no record has it any more.
func appendHeader(b []byte, h header) []byte {
	for range 2 {
		start := len(b)
		b = append(b, segmentMark...)
		b = binary.LittleEndian.AppendUint16(b, version)
		b = append(b, 0, 0)
		b = binary.LittleEndian.AppendUint32(b, uint32(len(h.state)))
		b = binary.LittleEndian.AppendUint64(b, h.last)
		b = binary.LittleEndian.AppendUint64(b, h.prev)
		b = binary.LittleEndian.AppendUint64(b, uint64(h.created))
		b = append(b, 0, 0, 0, 0)
		sum := crc32.Update(0, castagnoli, b[start:])
		sum = crc32.Update(sum, castagnoli, h.state)
		b = binary.LittleEndian.AppendUint32(b, sum)
		b = append(b, h.state...)
	}
	return b
}

// parseHeader reads one copy of the header at the start of b and returns its
// length. It checks mark, version and checksum in this order, and each has its
// own error.
func parseHeader(b []byte) (header, int, error) {
	if len(b) < headerFixed || !bytes.Equal(b[:8], segmentMark) {
		return header{}, 0, errForeign
	}
	le := binary.LittleEndian
	if v := le.Uint16(b[8:]); v > version {
		return header{}, 0, errNewer
	}
	n := le.Uint32(b[12:])
	if n > maxState || int(n) > len(b)-headerFixed {
		return header{}, 0, errDamaged
	}
	end := headerFixed + int(n)
	sum := crc32.Update(0, castagnoli, b[:44])
	sum = crc32.Update(sum, castagnoli, b[headerFixed:end])
	if sum != le.Uint32(b[44:]) {
		return header{}, 0, errDamaged
	}
	h := header{last: le.Uint64(b[16:]), prev: le.Uint64(b[24:]), created: int64(le.Uint64(b[32:]))}
	if n > 0 {
		h.state = bytes.Clone(b[headerFixed:end])
	}
	return h, end, nil
}

// appendRecord appends one record, or returns an error that names the limit
// that the record exceeds.
func appendRecord(b []byte, r record) ([]byte, error) {
	body := len(r.msg.Topic) + len(r.state) + len(r.msg.Note) + len(r.msg.Payload)
	switch {
	case len(r.msg.Topic) > maxTopic:
		return b, fmt.Errorf("topic of %d bytes, at most %d", len(r.msg.Topic), maxTopic)
	case len(r.state) > maxState:
		return b, fmt.Errorf("state of %d bytes, at most %d", len(r.state), maxState)
	case len(r.msg.Note) > maxNote:
		return b, fmt.Errorf("note of %d bytes, at most %d", len(r.msg.Note), maxNote)
	case body > maxRecord-recordFixed:
		return b, fmt.Errorf("message of %d bytes, at most %d", body, maxRecord-recordFixed)
	}
	start := len(b)
	le := binary.LittleEndian
	b = append(b, recordMark...)
	b = le.AppendUint32(b, uint32(body))
	b = le.AppendUint64(b, r.seq)
	b = le.AppendUint64(b, uint64(r.at))
	b = le.AppendUint16(b, uint16(len(r.msg.Topic)))
	b = append(b, flags(r), byte(len(r.msg.Note)))
	b = le.AppendUint32(b, uint32(len(r.state)))
	b = append(b, 0, 0, 0, 0, 0, 0, 0, 0) // the two sums, filled in below
	b = append(b, r.msg.Topic...)
	b = append(b, r.state...)
	b = append(b, r.msg.Note...)
	b = append(b, r.msg.Payload...)
	le.PutUint32(b[start+32:], crc32.Checksum(b[start+recordFixed:], castagnoli))
	le.PutUint32(b[start+36:], crc32.Checksum(b[start:start+36], castagnoli))
	return b, nil
}

func flags(r record) byte {
	var f byte
	if r.msg.Retain {
		f |= flagRetain
	}
	if r.state != nil {
		f |= flagState
	}
	return f
}

// recordHead reads the record head at the start of b and returns the length of
// the whole record and its number. ok is false if the head is damaged.
func recordHead(b []byte) (n int, seq uint64, ok bool) {
	le := binary.LittleEndian
	if len(b) < recordFixed || !bytes.Equal(b[:4], recordMark) ||
		crc32.Checksum(b[:36], castagnoli) != le.Uint32(b[36:]) {
		return 0, 0, false
	}
	body, topic, note, state := le.Uint32(b[4:]), le.Uint16(b[24:]), b[27], le.Uint32(b[28:])
	if body > maxRecord-recordFixed || state > maxState || uint32(topic)+state+uint32(note) > body {
		return 0, 0, false
	}
	return recordFixed + int(body), le.Uint64(b[8:]), true
}

// parseRecord reads the record at the start of b and returns its length. The
// record does not share memory with b.
func parseRecord(b []byte) (record, int, error) {
	n, seq, ok := recordHead(b)
	if !ok || n > len(b) {
		return record{}, 0, errDamaged
	}
	le := binary.LittleEndian
	body := b[recordFixed:n]
	if crc32.Checksum(body, castagnoli) != le.Uint32(b[32:]) {
		return record{}, 0, errDamaged
	}
	state := int(le.Uint16(b[24:])) // where each part of the body begins
	note := state + int(le.Uint32(b[28:]))
	payload := note + int(b[27])
	r := record{seq: seq, at: int64(le.Uint64(b[16:]))}
	r.msg.Topic = string(body[:state])
	r.msg.Retain = b[26]&flagRetain != 0
	if b[26]&flagState != 0 {
		r.state = append([]byte{}, body[state:note]...)
	}
	if payload > note {
		r.msg.Note = bytes.Clone(body[note:payload])
	}
	r.msg.Payload = append([]byte{}, body[payload:]...)
	return r, n, nil
}

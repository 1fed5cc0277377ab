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
	version     = 2
	headerFixed = 48 // bytes of one copy of the segment header without its checkpoint
	recordFixed = 40 // bytes of a record's head
	chainFixed  = 4  // bytes of the distance to the record before

	maxTopic  = math.MaxUint16
	maxState  = 24 << 20 // of a checkpoint: some 60,000 entries
	maxKey    = math.MaxUint8
	maxValue  = 64 << 10
	maxNote   = math.MaxUint8
	maxRecord = 1 << 20 // head and body

	flagRetain = 1 << 0
	flagBlob   = 1 << 1 // layout 1: the whole state
	flagChain  = 1 << 2 // layout 2: the distance to the record before, and maybe a change
	flagChange = 1 << 3
	flagRemove = 1 << 4 // of a change: the key is removed
	flagSpare  = 1 << 5
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
	version    uint16
	last       uint64 // last number given out when the segment was created
	prev       uint64 // number of the last record stored before it; 0 = none
	created    int64  // Unix time in milliseconds, for inspection only
	checkpoint []byte // the caller's state when the segment was created; layout 1: the blob
}

// state is the header's state; ok is false if the header does not have one.
func (h *header) state() (s state, ok bool) {
	if h.version != 1 {
		return parseState(h.checkpoint)
	}
	if h.checkpoint != nil {
		s.set("", h.checkpoint)
	}
	return s, true
}

// record is one accepted message.
type record struct {
	seq  uint64
	prev uint64 // number of the record stored before it; unknown in layout 1
	at   int64  // Unix time in milliseconds by the clock, which may not have been set
	msg  Message
	blob []byte // layout 1: the whole state; nil = it did not change
}

// appendHeader appends both copies of a header: one damaged byte must not lose
// the state when no record has it any more.
func appendHeader(b []byte, h header) []byte {
	for range 2 {
		start := len(b)
		b = append(b, segmentMark...)
		b = binary.LittleEndian.AppendUint16(b, version)
		b = append(b, 0, 0)
		b = binary.LittleEndian.AppendUint32(b, uint32(len(h.checkpoint)))
		b = binary.LittleEndian.AppendUint64(b, h.last)
		b = binary.LittleEndian.AppendUint64(b, h.prev)
		b = binary.LittleEndian.AppendUint64(b, uint64(h.created))
		b = append(b, 0, 0, 0, 0)
		sum := crc32.Update(0, castagnoli, b[start:])
		sum = crc32.Update(sum, castagnoli, h.checkpoint)
		b = binary.LittleEndian.AppendUint32(b, sum)
		b = append(b, h.checkpoint...)
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
	v := le.Uint16(b[8:])
	if v > version {
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
	h := header{version: v, last: le.Uint64(b[16:]), prev: le.Uint64(b[24:]), created: int64(le.Uint64(b[32:]))}
	if n > 0 {
		h.checkpoint = bytes.Clone(b[headerFixed:end])
	}
	return h, end, nil
}

// checkRecord returns an error that names the limit that the message exceeds.
func checkRecord(m *Message) error {
	body := chainFixed + len(m.Topic) + 1 + len(m.Key) + len(m.Value) + len(m.Note) + len(m.Payload)
	switch {
	case len(m.Topic) > maxTopic:
		return fmt.Errorf("topic of %d bytes, at most %d", len(m.Topic), maxTopic)
	case len(m.Key) > maxKey:
		return fmt.Errorf("key of %d bytes, at most %d", len(m.Key), maxKey)
	case len(m.Value) > maxValue:
		return fmt.Errorf("state of %d bytes, at most %d", len(m.Value), maxValue)
	case len(m.Note) > maxNote:
		return fmt.Errorf("note of %d bytes, at most %d", len(m.Note), maxNote)
	case body > maxRecord-recordFixed:
		return fmt.Errorf("message of %d bytes, at most %d", body, maxRecord-recordFixed)
	}
	return nil
}

// recordSize is the length of appendRecord's bytes.
func recordSize(m *Message) int {
	n := recordFixed + chainFixed + len(m.Topic) + len(m.Note) + len(m.Payload)
	if m.Key != "" {
		n += 1 + len(m.Key) + len(m.Value)
	}
	return n
}

// appendRecord appends one record whose message checkRecord accepts.
func appendRecord(b []byte, r *record) []byte {
	start := len(b)
	size := recordSize(&r.msg)
	le := binary.LittleEndian
	b = append(b, recordMark...)
	b = le.AppendUint32(b, uint32(size-recordFixed))
	b = le.AppendUint64(b, r.seq)
	b = le.AppendUint64(b, uint64(r.at))
	b = le.AppendUint16(b, uint16(len(r.msg.Topic)))
	b = append(b, flags(&r.msg), byte(len(r.msg.Note)))
	b = le.AppendUint32(b, uint32(size-recordFixed-len(r.msg.Topic)-len(r.msg.Note)-len(r.msg.Payload)))
	b = append(b, 0, 0, 0, 0, 0, 0, 0, 0) // the two sums, filled in below
	b = append(b, r.msg.Topic...)
	b = le.AppendUint32(b, uint32(min(r.seq-r.prev, math.MaxUint32)))
	if r.msg.Key != "" {
		b = append(b, byte(len(r.msg.Key)))
		b = append(b, r.msg.Key...)
		b = append(b, r.msg.Value...)
	}
	b = append(b, r.msg.Note...)
	b = append(b, r.msg.Payload...)
	le.PutUint32(b[start+32:], crc32.Checksum(b[start+recordFixed:], castagnoli))
	le.PutUint32(b[start+36:], crc32.Checksum(b[start:start+36], castagnoli))
	return b
}

func flags(m *Message) byte {
	f := byte(flagChain)
	if m.Retain {
		f |= flagRetain
	}
	if m.Spare {
		f |= flagSpare
	}
	if m.Key != "" {
		f |= flagChange
		if m.Value == nil {
			f |= flagRemove
		}
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
	if body > maxRecord-recordFixed || state > maxRecord || uint32(topic)+state+uint32(note) > body {
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
	r.msg.Retain, r.msg.Spare = b[26]&flagRetain != 0, b[26]&flagSpare != 0
	if !r.parseChange(b[26], body[state:note]) {
		return record{}, 0, errDamaged
	}
	if payload > note {
		r.msg.Note = bytes.Clone(body[note:payload])
	}
	r.msg.Payload = append([]byte{}, body[payload:]...)
	return r, n, nil
}

// parseChange reads the part of the body that is about the state.
func (r *record) parseChange(flags byte, b []byte) bool {
	if flags&flagBlob != 0 {
		r.blob = append([]byte{}, b...)
	}
	if flags&flagChain == 0 {
		return flags&flagChange == 0
	}
	if len(b) < chainFixed {
		return false
	}
	r.prev = r.seq - min(r.seq, uint64(binary.LittleEndian.Uint32(b)))
	b = b[chainFixed:]
	if flags&flagChange == 0 {
		return len(b) == 0
	}
	if len(b) < 1 || b[0] == 0 || len(b) < 1+int(b[0]) {
		return false
	}
	key := 1 + int(b[0])
	r.msg.Key = string(b[1:key])
	if flags&flagRemove == 0 {
		r.msg.Value = append([]byte{}, b[key:]...)
	}
	return flags&flagRemove == 0 || len(b) == key
}

// chained tells that prev is known.
func chained(b []byte) bool { return b[26]&flagChain != 0 }

package main

import (
	"encoding/binary"
)

// message is a protocol buffer under construction: fields one after the other,
// each with its number. https://protobuf.dev/programming-guides/encoding
type message []byte

const (
	wireVarint = 0
	wireBytes  = 2
)

func (m *message) key(field, wire int) {
	*m = binary.AppendUvarint(*m, uint64(field)<<3|uint64(wire))
}

// integer appends an int64, int32 or enum.
func (m *message) integer(field int, v int64) {
	m.key(field, wireVarint)
	*m = binary.AppendUvarint(*m, uint64(v))
}

// bytes appends bytes, or a message within this one.
func (m *message) bytes(field int, b []byte) {
	m.key(field, wireBytes)
	*m = binary.AppendUvarint(*m, uint64(len(b)))
	*m = append(*m, b...)
}

// text appends a string.
func (m *message) text(field int, s string) { m.bytes(field, []byte(s)) }

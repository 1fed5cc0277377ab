package main

import (
	"encoding/binary"
	"fmt"
)

// A flat buffer as a tree of tables, vectors and strings. Parents are written first,
// so that every offset points forward, as the format requires.
// https://flatbuffers.dev/internals

// fbTable is a table: its fields by number. A missing field has its default.
type fbTable map[int]any

// What a field or an element of a vector may be, besides fbTable:
type (
	fbTables  []fbTable
	fbFloats  []float32
	fbInts    []int32
	fbLongs   []int64
	fbText    string
	fbBytes   []byte // begins at a multiple of 16
	fbByte    byte   // stored inline, like int32 and uint32
	fbPending struct {
		at    int // position of the offset
		value any
	}
)

// fbWriter writes a tree.
type fbWriter struct {
	out  []byte
	todo []fbPending
}

// flatBuffer writes a file whose root is a table.
func flatBuffer(root fbTable, identifier string) []byte {
	w := &fbWriter{out: make([]byte, 4, 1<<16)}
	w.out = append(w.out, identifier...)
	w.todo = []fbPending{{0, root}}
	for len(w.todo) > 0 {
		next := w.todo[0]
		w.todo = w.todo[1:]
		at := w.place(next.value)
		binary.LittleEndian.PutUint32(w.out[next.at:], uint32(at-next.at))
	}
	return w.out
}

// align adds zeros until the position after skip more bytes is a multiple of n.
func (w *fbWriter) align(n, skip int) {
	for (len(w.out)+skip)%n != 0 {
		w.out = append(w.out, 0)
	}
}

// place appends a value that an offset points to and returns its position.
func (w *fbWriter) place(v any) int {
	switch v := v.(type) {
	case fbTable:
		return w.table(v)
	case fbTables:
		at := w.vector(len(v), 4)
		for _, t := range v {
			w.later(t)
		}
		return at
	case fbFloats:
		at := w.vector(len(v), 4)
		w.out = append(w.out, rawFloats(v)...)
		return at
	case fbInts:
		at := w.vector(len(v), 4)
		w.out = append(w.out, rawInts(v)...)
		return at
	case fbLongs:
		at := w.vector(len(v), 8)
		for _, x := range v {
			w.out = binary.LittleEndian.AppendUint64(w.out, uint64(x))
		}
		return at
	case fbText:
		at := w.vector(len(v), 4)
		w.out = append(append(w.out, v...), 0)
		return at
	case fbBytes:
		at := w.vector(len(v), 16)
		w.out = append(w.out, v...)
		return at
	}
	panic(fmt.Sprintf("flat buffer: no way to write a %T", v))
}

// vector appends the length of a vector whose elements are aligned to align.
func (w *fbWriter) vector(n, align int) int {
	w.align(max(align, 4), 4)
	w.out = binary.LittleEndian.AppendUint32(w.out, uint32(n))
	return len(w.out) - 4
}

// later leaves four bytes for the offset to v.
func (w *fbWriter) later(v any) {
	w.todo = append(w.todo, fbPending{len(w.out), v})
	w.out = append(w.out, 0, 0, 0, 0)
}

// table appends a table of fields of four bytes each, its vtable before it.
func (w *fbWriter) table(t fbTable) int {
	fields := 0
	for i := range t {
		fields = max(fields, i+1)
	}
	size := 4 + 2*fields
	w.align(4, size)
	vtable := len(w.out)
	w.out = binary.LittleEndian.AppendUint16(w.out, uint16(size))
	w.out = binary.LittleEndian.AppendUint16(w.out, uint16(4+4*len(t)))
	offset := uint16(4)
	for i := range fields {
		if _, ok := t[i]; !ok {
			w.out = append(w.out, 0, 0)
			continue
		}
		w.out = binary.LittleEndian.AppendUint16(w.out, offset)
		offset += 4
	}
	at := len(w.out)
	w.out = binary.LittleEndian.AppendUint32(w.out, uint32(at-vtable))
	for i := range fields {
		switch v := t[i].(type) {
		case nil:
		case fbByte:
			w.out = append(w.out, byte(v), 0, 0, 0)
		case int32:
			w.out = binary.LittleEndian.AppendUint32(w.out, uint32(v))
		case uint32:
			w.out = binary.LittleEndian.AppendUint32(w.out, v)
		default:
			w.later(v)
		}
	}
	return at
}

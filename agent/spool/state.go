package spool

import (
	"encoding/binary"
	"slices"
)

// Pair is one entry of the state that the queue keeps for its caller.
type Pair struct {
	Key   string
	Value []byte // not to be changed
}

// state is the set of entries, in the order in which their keys came. A state of
// layout 1 is one entry with the key "".
type state []Pair

// set puts a value under a key; nil removes the key. A former copy of the state stays
// as it is.
func (s *state) set(key string, value []byte) {
	i := slices.IndexFunc(*s, func(p Pair) bool { return p.Key == key })
	switch {
	case value == nil && i >= 0:
		*s = slices.Delete(*s, i, i+1)
	case value == nil:
	case i >= 0:
		(*s)[i].Value = value
	default:
		*s = append(*s, Pair{key, value})
	}
}

// size is the length of append's bytes.
func (s state) size() (n int) {
	for _, p := range s {
		n += pairFixed + len(p.Key) + len(p.Value)
	}
	return n
}

const pairFixed = 5 // bytes of an entry beside key and value

// append writes the state as a checkpoint: for each entry
//
//	key length u8 | value length u32 | key | value
func (s state) append(b []byte) []byte {
	for _, p := range s {
		b = append(b, byte(len(p.Key)))
		b = binary.LittleEndian.AppendUint32(b, uint32(len(p.Value)))
		b = append(b, p.Key...)
		b = append(b, p.Value...)
	}
	return b
}

// parseState reads a checkpoint. It shares memory with b.
func parseState(b []byte) (s state, ok bool) {
	for len(b) > 0 {
		if len(b) < pairFixed {
			return nil, false
		}
		key, value := int(b[0]), binary.LittleEndian.Uint32(b[1:])
		b = b[pairFixed:]
		if uint64(key)+uint64(value) > uint64(len(b)) {
			return nil, false
		}
		end := key + int(value)
		s = append(s, Pair{string(b[:key]), b[key:end:end]})
		b = b[end:]
	}
	return s, true
}

// noCheckpoint stands in the header of a segment that was repaired without one: the
// state goes on from the segment before. It is no state.
var noCheckpoint = []byte{0}

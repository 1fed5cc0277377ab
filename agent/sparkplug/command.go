package sparkplug

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// rebirthName is the metric of the only command that is taken.
const rebirthName = "Node Control/Rebirth"

// commandMost is the longest NCMD that is read, in bytes: a request for a rebirth has some 40.
const commandMost = 4 << 10

// wantsRebirth reads the payload of an NCMD. It tells whether it asks for a rebirth, and how
// many of its metrics ask for something else. It allocates nothing.
func wantsRebirth(b []byte) (rebirth bool, others int, err error) {
	if len(b) > commandMost {
		return false, 0, fmt.Errorf("%d bytes, want at most %d", len(b), commandMost)
	}
	for len(b) > 0 {
		var f field
		if f, b, err = next(b); err != nil {
			return false, 0, err
		}
		if f.number != payloadMetric {
			continue
		}
		if f.wire != counted {
			return false, 0, errWire
		}
		yes, err := isRebirth(f.bytes)
		if err != nil {
			return false, 0, err
		}
		if yes {
			rebirth = true
		} else {
			others++
		}
	}
	return rebirth, others, nil
}

// isRebirth tells whether a metric is the rebirth with the value true.
func isRebirth(b []byte) (bool, error) {
	named, on := false, false
	for len(b) > 0 {
		f, rest, err := next(b)
		if err != nil {
			return false, err
		}
		b = rest
		switch f.number {
		case metricName:
			if f.wire != counted {
				return false, errWire
			}
			named = string(f.bytes) == rebirthName
		case metricBool:
			if f.wire != varint {
				return false, errWire
			}
			on = f.value != 0
		}
	}
	return named && on, nil
}

var (
	errShort = errors.New("the message ends within a field")
	errWire  = errors.New("a field has another wire type than Sparkplug's")
)

// field is one field of a protobuf message.
type field struct {
	number uint64
	wire   uint64
	value  uint64 // of varint
	bytes  []byte // of counted
}

// next reads the first field of a message and returns what follows it. Groups, which proto2
// has given up, are an error.
func next(b []byte) (f field, rest []byte, err error) {
	tag, n := binary.Uvarint(b)
	if n <= 0 {
		return f, nil, errShort
	}
	b = b[n:]
	f.number, f.wire = tag>>3, tag&7
	if f.number == 0 {
		return f, nil, errors.New("a field has the number 0")
	}
	switch f.wire {
	case varint:
		if f.value, n = binary.Uvarint(b); n <= 0 {
			return f, nil, errShort
		}
	case fixed64:
		n = 8
	case fixed32:
		n = 4
	case counted:
		length, m := binary.Uvarint(b)
		if m <= 0 || length > uint64(len(b)-m) {
			return f, nil, errShort
		}
		n = m + int(length)
		f.bytes = b[m:n]
	default:
		return f, nil, fmt.Errorf("wire type %d", f.wire)
	}
	if n > len(b) {
		return f, nil, errShort
	}
	return f, b[n:], nil
}

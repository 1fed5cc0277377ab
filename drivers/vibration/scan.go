package vibration

import (
	"encoding/binary"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"sort"
	"strconv"
)

// format is how one element is stored in a scan: "le:s16/16>>0".
type format struct {
	big    bool
	signed bool
	bits   uint // significant bits
	bytes  int  // stored bytes of each repetition
	shift  uint
	repeat int
}

var formats = regexp.MustCompile(`^(be|le):(s|u)([0-9]{1,2})/([0-9]{1,2})(?:X([0-9]{1,2}))?(?:>>([0-9]{1,2}))?$`)

func parseFormat(s string) (format, error) {
	m := formats.FindStringSubmatch(s)
	if m == nil {
		return format{}, fmt.Errorf("type %q, want a form like le:s16/16>>0", s)
	}
	number := func(s string) int {
		n, _ := strconv.Atoi(s) // two digits, or none
		return n
	}
	f := format{big: m[1] == "be", signed: m[2] == "s", bits: uint(number(m[3])), bytes: number(m[4]) / 8,
		shift: uint(number(m[6])), repeat: max(number(m[5]), 1)}
	switch storage := uint(number(m[4])); {
	case !slices.Contains([]uint{8, 16, 32, 64}, storage):
		return format{}, fmt.Errorf("type %q: %d stored bits, want 8, 16, 32 or 64", s, storage)
	case f.bits == 0 || f.bits+f.shift > storage:
		return format{}, fmt.Errorf("type %q: %d bits shifted by %d do not fit into %d", s, f.bits, f.shift, storage)
	case f.repeat&(f.repeat-1) != 0:
		return format{}, fmt.Errorf("type %q: %d repetitions, want a power of two", s, f.repeat)
	}
	return f, nil
}

func (f format) size() int { return f.bytes * f.repeat }

// value decodes the element at the start of b.
func (f format) value(b []byte) int64 {
	var order binary.ByteOrder = binary.LittleEndian
	if f.big {
		order = binary.BigEndian
	}
	var u uint64
	switch f.bytes {
	case 1:
		u = uint64(b[0])
	case 2:
		u = uint64(order.Uint16(b))
	case 4:
		u = uint64(order.Uint32(b))
	case 8:
		u = order.Uint64(b)
	}
	u >>= f.shift
	unused := 64 - f.bits
	if f.signed {
		return int64(u<<unused) >> unused
	}
	return int64(u << unused >> unused)
}

// element is one enabled element of a scan.
type element struct {
	name   string // "in_accel_x"
	index  int
	format format
	at     int // offset within the scan in bytes
}

// layOut sorts the elements by index, sets their offsets and returns the size of a
// scan in bytes.
func layOut(elements []element) (size int, err error) {
	sort.Slice(elements, func(i, j int) bool { return elements[i].index < elements[j].index })
	largest := 1
	align := func(n, to int) int { return (n + to - 1) / to * to }
	for i := range elements {
		e := &elements[i]
		if i > 0 && elements[i-1].index == e.index {
			return 0, fmt.Errorf("scan elements %s and %s have the same index %d", elements[i-1].name, e.name, e.index)
		}
		e.at = align(size, e.format.size())
		size = e.at + e.format.size()
		largest = max(largest, e.format.size())
	}
	if size == 0 {
		return 0, errors.New("no scan element is enabled")
	}
	return align(size, largest), nil
}

// Package checkpoint writes the state of values that judge rows, and reads it
// back, so that a restart continues where a run ended.
//
// A type lists its fields once, for both directions:
//
//	func (g *Gate) Checkpoint(c *checkpoint.Coder) {
//		c.Bool(&g.on)
//		c.Int(&g.rows, 0, g.settle)
//	}
//
// A Coder made by NewWriter appends the fields, little-endian; one made by
// NewReader overwrites them. So the two directions cannot drift apart. The
// format has no field names: it is for a short life, guarded by whoever stores
// it (a checksum, and the identity of the model and of the policy it belongs to).
//
// It does not know files, models or events.
package checkpoint

import (
	"encoding/binary"
	"errors"
	"math"
	"time"
)

// ErrState marks bytes that are not the state that was asked for. The values
// that were read before the error is noticed are undefined: discard them.
var ErrState = errors.New("not the state of this judge")

// Coder writes or reads one state. It is not safe for concurrent use. After the
// first error it reads zeros; Err tells.
type Coder struct {
	b        []byte
	reading  bool
	failed   bool
	earliest time.Time
}

// NewWriter appends to b.
func NewWriter(b []byte) *Coder { return &Coder{b: b} }

// NewReader reads from b. A moment before earliest is read as the zero time: on a
// gateway it comes from a clock that nobody had set. The zero earliest keeps all.
func NewReader(b []byte, earliest time.Time) *Coder {
	return &Coder{b: b, reading: true, earliest: earliest}
}

// Reading tells the direction.
func (c *Coder) Reading() bool { return c.reading }

// Bytes returns what was written, or what is still to be read.
func (c *Coder) Bytes() []byte { return c.b }

// Err returns ErrState if something did not fit.
func (c *Coder) Err() error {
	if c.failed {
		return ErrState
	}
	return nil
}

// Close returns ErrState if something did not fit or is left to be read.
func (c *Coder) Close() error {
	if c.reading && len(c.b) > 0 {
		c.failed = true
	}
	return c.Err()
}

// Fail marks what was read as not usable.
func (c *Coder) Fail() { c.failed = true }

// take returns the next n bytes to read; zeros once there are too few.
func (c *Coder) take(n int) []byte {
	if c.failed || len(c.b) < n {
		c.failed = true
		return make([]byte, n)
	}
	v := c.b[:n]
	c.b = c.b[n:]
	return v
}

func (c *Coder) word(v uint64) uint64 {
	if c.reading {
		return binary.LittleEndian.Uint64(c.take(8))
	}
	c.b = binary.LittleEndian.AppendUint64(c.b, v)
	return v
}

// Bool is one byte.
func (c *Coder) Bool(v *bool) {
	if c.reading {
		b := c.take(1)[0]
		c.failed = c.failed || b > 1
		*v = b == 1
		return
	}
	b := byte(0)
	if *v {
		b = 1
	}
	c.b = append(c.b, b)
}

// Int is a number from low to high; another one is an error when it is read.
func (c *Coder) Int(v *int, low, high int) {
	w := int64(c.word(uint64(*v)))
	if !c.reading {
		return
	}
	if w < int64(low) || w > int64(high) {
		c.failed = true
		w = int64(low)
	}
	*v = int(w)
}

// Count is the length of a list that follows, at most most.
func (c *Coder) Count(n, most int) int {
	c.Int(&n, 0, most)
	return n
}

// Float64 keeps every bit.
func (c *Coder) Float64(v *float64) { *v = math.Float64frombits(c.word(math.Float64bits(*v))) }

// Float32 keeps every bit.
func (c *Coder) Float32(v *float32) {
	if c.reading {
		*v = math.Float32frombits(binary.LittleEndian.Uint32(c.take(4)))
		return
	}
	c.b = binary.LittleEndian.AppendUint32(c.b, math.Float32bits(*v))
}

// Float64s are the values of v, whose length both sides know.
func (c *Coder) Float64s(v []float64) {
	for i := range v {
		c.Float64(&v[i])
	}
}

// Float32s are the values of v, whose length both sides know.
func (c *Coder) Float32s(v []float32) {
	for i := range v {
		c.Float32(&v[i])
	}
}

// Ints are the values of v, whose length both sides know, each from low to high.
func (c *Coder) Ints(v []int, low, high int) {
	for i := range v {
		c.Int(&v[i], low, high)
	}
}

// Bytes8 are the values of v, whose length both sides know.
func (c *Coder) Bytes8(v []uint8) {
	if c.reading {
		copy(v, c.take(len(v)))
		return
	}
	c.b = append(c.b, v...)
}

// Int8s are the values of v, whose length both sides know.
func (c *Coder) Int8s(v []int8) {
	for i := range v {
		if c.reading {
			v[i] = int8(c.take(1)[0])
			continue
		}
		c.b = append(c.b, byte(v[i]))
	}
}

// Duration is not negative.
func (c *Coder) Duration(v *time.Duration) {
	w := int64(c.word(uint64(*v)))
	if c.reading && w < 0 {
		c.failed, w = true, 0
	}
	*v = time.Duration(w)
}

// Time keeps the moment to the nanosecond, and that it is zero; it is read in UTC,
// without the monotonic reading, which means nothing after a restart.
func (c *Coder) Time(v *time.Time) {
	zero := v.IsZero()
	c.Bool(&zero)
	second, nano := int64(0), int64(0)
	if !c.reading && !zero {
		second, nano = v.Unix(), int64(v.Nanosecond())
	}
	second, nano = int64(c.word(uint64(second))), int64(c.word(uint64(nano)))
	if !c.reading {
		return
	}
	if nano < 0 || nano >= int64(time.Second) {
		c.failed, nano = true, 0
	}
	if *v = time.Unix(second, nano).UTC(); zero || v.Before(c.earliest) {
		*v = time.Time{}
	}
}

// maxText bounds a string: names and reasons are far shorter.
const maxText = 1 << 16

// String is at most 64 KiB; what is longer is cut when it is written.
func (c *Coder) String(v *string) {
	n := c.Count(min(len(*v), maxText), maxText)
	if c.reading {
		*v = string(c.take(n))
		return
	}
	c.b = append(c.b, (*v)[:n]...)
}

// Strings is a list of at most most.
func (c *Coder) Strings(v *[]string, most int) {
	n := c.Count(len(*v), most)
	if c.reading {
		*v = nil
		for range n {
			*v = append(*v, "")
			if c.failed {
				return
			}
			c.String(&(*v)[len(*v)-1])
		}
		return
	}
	for i := range *v {
		c.String(&(*v)[i])
	}
}

// Section is a part that is skipped as a whole where it does not fit: it returns
// the Coder of the part. When writing, list the fields on it and call End.
func (c *Coder) Section() *Coder {
	if !c.reading {
		return NewWriter(nil)
	}
	return NewReader(c.take(c.Count(0, len(c.b))), c.earliest)
}

// End closes a Section of c: it appends what was written to it. When reading it
// does nothing.
func (c *Coder) End(section *Coder) {
	if c.reading {
		return
	}
	n := len(section.b)
	c.Int(&n, 0, math.MaxInt)
	c.b = append(c.b, section.b...)
}

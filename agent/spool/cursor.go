package spool

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
)

// The cursor file holds two slots that are written in turn, so a torn write
// leaves the other slot intact. The file is not synced: an old cursor causes
// duplicates, never a loss.
const (
	cursorName = "cursor"
	slotSize   = 512
	slotFixed  = 33 // bytes of a slot without its gaps
	slotOld    = 32 // bytes of a slot of layout 1
	maxGaps    = 16
)

var (
	cursorMark    = []byte("\xf7cu2")
	cursorMarkOld = []byte("\xf7cur")
)

// gap is a range of numbers that are known not to be stored: they were lost and
// told, or dropped and counted.
type gap struct{ from, to uint64 }

// cursor is what the disk keeps beside the messages.
type cursor struct {
	acked uint64 // every message up to this number is acknowledged or dropped
	last  uint64 // last number that was stored or delivered, so that no number is used twice
	gaps  []gap  // above acked, in the order of their numbers; at most maxGaps
}

func (c *cursor) equal(o *cursor) bool {
	return c.acked == o.acked && c.last == o.last && slices.Equal(c.gaps, o.gaps)
}

// withGap adds a gap to those that there are, in the order of their numbers. Gaps that
// touch are one. Where there are too many, the two with the fewest numbers between them
// become one: a loss among these would go unnoticed.
func withGap(gaps []gap, g gap) []gap {
	out := make([]gap, 0, len(gaps)+1)
	for _, o := range gaps {
		switch {
		case o.to+1 < g.from:
			out = append(out, o)
		case g.to+1 < o.from:
			out, g = append(out, g), o
		default:
			g.from, g.to = min(g.from, o.from), max(g.to, o.to)
		}
	}
	if out = append(out, g); len(out) > maxGaps {
		at := 1
		for i := range out[2:] {
			if out[i+2].from-out[i+1].to < out[at].from-out[at-1].to {
				at = i + 2
			}
		}
		out[at-1].to = out[at].to
		out = slices.Delete(out, at, at+1)
	}
	return out
}

type cursorFile struct {
	f   *os.File
	gen uint64
	cursor
}

// openCursor reads the newest intact slot. If the file cannot be written, set
// keeps the cursor in memory only.
func openCursor(dir string) *cursorFile {
	c := &cursorFile{}
	name := filepath.Join(dir, cursorName)
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err == nil {
		c.f = f
	} else if f, err = os.Open(name); err == nil {
		defer f.Close()
	} else {
		return c
	}
	var b [2 * slotSize]byte
	n, _ := f.ReadAt(b[:], 0) // a slot that could not be read is not a valid slot
	for at := 0; at < n; at += slotSize {
		if gen, cur, ok := parseSlot(b[at:min(n, at+slotSize)]); ok && gen > c.gen {
			c.gen, c.cursor = gen, cur
		}
	}
	return c
}

func parseSlot(b []byte) (gen uint64, c cursor, ok bool) {
	le := binary.LittleEndian
	if len(b) >= slotOld && bytes.Equal(b[:4], cursorMarkOld) && crc32.Checksum(b[:28], castagnoli) == le.Uint32(b[28:]) {
		return le.Uint64(b[4:]), cursor{acked: le.Uint64(b[12:]), last: le.Uint64(b[20:])}, true
	}
	if len(b) < slotFixed || !bytes.Equal(b[:4], cursorMark) {
		return 0, cursor{}, false
	}
	n := int(b[28])
	end := slotFixed - 4 + 16*n
	if n > maxGaps || end+4 > len(b) || crc32.Checksum(b[:end], castagnoli) != le.Uint32(b[end:]) {
		return 0, cursor{}, false
	}
	c = cursor{acked: le.Uint64(b[12:]), last: le.Uint64(b[20:])}
	for g := b[29:end]; len(g) > 0; g = g[16:] {
		c.gaps = append(c.gaps, gap{le.Uint64(g), le.Uint64(g[8:])})
	}
	return le.Uint64(b[4:]), c, true
}

func appendSlot(b []byte, gen uint64, c *cursor) []byte {
	le := binary.LittleEndian
	b = append(b, cursorMark...)
	b = le.AppendUint64(b, gen)
	b = le.AppendUint64(b, c.acked)
	b = le.AppendUint64(b, c.last)
	b = append(b, byte(len(c.gaps)))
	for _, g := range c.gaps {
		b = le.AppendUint64(le.AppendUint64(b, g.from), g.to)
	}
	return le.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// set writes cur into the older slot.
func (c *cursorFile) set(cur cursor, d *disk) error {
	c.cursor = cur
	if c.f == nil {
		return nil
	}
	var slot [slotSize]byte
	c.gen++
	_, err := d.writeAt(c.f, appendSlot(slot[:0], c.gen, &cur), int64(c.gen%2)*slotSize)
	return err
}

// reopen opens the file again in a folder that was removed and created again.
func (c *cursorFile) reopen(dir string) {
	c.close()
	if f, err := os.OpenFile(filepath.Join(dir, cursorName), os.O_RDWR|os.O_CREATE, 0o600); err == nil {
		c.f = f
	}
}

func (c *cursorFile) close() {
	if c.f != nil {
		c.f.Close()
		c.f = nil
	}
}

package spool

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"os"
	"path/filepath"
)

// The cursor file holds two slots that are written in turn, so a torn write
// leaves the other slot intact. The file is not synced: an old cursor causes
// duplicates, never a loss.
const (
	cursorName = "cursor"
	slotSize   = 512
	slotUsed   = 32
)

var cursorMark = []byte("\xf7cur")

// cursor is what the disk keeps of the acknowledgements.
type cursor struct {
	acked uint64 // every message up to this number is acknowledged or dropped
	last  uint64 // last number given out, so that no number is used twice
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
	for at := 0; at+slotUsed <= n; at += slotSize {
		if gen, cur, ok := parseSlot(b[at : at+slotUsed]); ok && gen > c.gen {
			c.gen, c.cursor = gen, cur
		}
	}
	return c
}

func parseSlot(b []byte) (gen uint64, c cursor, ok bool) {
	le := binary.LittleEndian
	if !bytes.Equal(b[:4], cursorMark) || crc32.Checksum(b[:28], castagnoli) != le.Uint32(b[28:]) {
		return 0, cursor{}, false
	}
	return le.Uint64(b[4:]), cursor{le.Uint64(b[12:]), le.Uint64(b[20:])}, true
}

func appendSlot(b []byte, gen uint64, c cursor) []byte {
	le := binary.LittleEndian
	b = append(b, cursorMark...)
	b = le.AppendUint64(b, gen)
	b = le.AppendUint64(b, c.acked)
	b = le.AppendUint64(b, c.last)
	return le.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// set writes cur into the older slot if it differs from the newest.
func (c *cursorFile) set(cur cursor, d *disk) error {
	if cur == c.cursor {
		return nil
	}
	c.cursor = cur
	if c.f == nil {
		return nil
	}
	var slot [slotUsed]byte
	c.gen++
	_, err := d.writeAt(c.f, appendSlot(slot[:0], c.gen, cur), int64(c.gen%2)*slotSize)
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

package spool

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"os"
	"path/filepath"
)

// The cursor file holds two slots, written in turn, so that a torn write
// leaves the other one sound. It is never waited for: an old cursor means
// duplicates, never a loss.
const (
	cursorName = "cursor"
	slotSize   = 512
	slotUsed   = 32
)

var cursorMark = []byte("\xf7cur")

// cursor is what survives of acknowledgements.
type cursor struct {
	acked uint64 // every message up to here is acknowledged or gone
	last  uint64 // highest number given out: no number is used twice
}

type cursorFile struct {
	f   *os.File
	gen uint64
	cursor
}

// openCursor reads the newest sound slot. Without a file, or on one that can
// not be written, it works on and writes nothing.
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
	n, _ := f.ReadAt(b[:], 0) // what could not be read is zero, and no slot
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

// set writes c into the older slot if it says something new.
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

// reopen is for a folder that was removed and made again.
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

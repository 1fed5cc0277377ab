package state

import (
	"encoding/binary"
	"errors"
	"os"
	"strconv"
)

// CheckRows reads a file of learning rows and changes nothing; an agent may be at work
// on it. It returns the rows in its whole blocks, with idle rows and gaps, and how many
// rows, about, are damaged. An unfinished block at the end is no damage: a write may be
// under way.
func CheckRows(path string) (rows, damaged int, err error) {
	f, err := open(path, os.O_RDONLY)
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return 0, 0, err
	}
	channels, head := headChannels(f)
	if channels == 0 {
		return 0, 0, errors.New("its header is damaged")
	}
	s := rowScan{f: f, size: st.Size(), channels: channels, left: st.Size()}
	for at := head; at < st.Size(); {
		b, begins := s.next(at)
		if begins > at && (b != nil || !s.torn(at)) {
			damaged += s.rowsBetween(at, begins)
		}
		if b == nil {
			break
		}
		rows += int(binary.LittleEndian.Uint32(b[4:]))
		at = begins + int64(len(b))
	}
	return rows, damaged, nil
}

// RowsOfOthers is how many learning rows, with idle ones and gaps, a RowLog with these
// options would find and discard, because they are of other channels, another period or
// another run_when. It changes nothing.
func RowsOfOthers(o RowLogOptions) int {
	f, err := open(o.Path, os.O_RDONLY)
	if err != nil {
		return 0
	}
	defer f.Close()
	head := make([]byte, len(o.header()))
	n, _ := f.ReadAt(head, 0)
	if unlike(head[:n], o.header()) <= len(head)/headWhole || !isHeader(head[:n]) {
		return 0
	}
	rows, _, _ := CheckRows(o.Path)
	return rows
}

// torn tells whether what is left of the file is the beginning of one block.
func (s *rowScan) torn(at int64) bool {
	var head [blockHead]byte
	n, _ := s.f.ReadAt(head[:], at)
	size := blockSize(head[:n], s.channels)
	return n < blockHead || size > 0 && at+size > s.size
}

// headChannels reads a header; 0 channels = it is none.
func headChannels(f *os.File) (channels int, size int64) {
	var b [1 << 10]byte
	n, _ := f.ReadAt(b[:], 0)
	if !isHeader(b[:n]) {
		return 0, 0
	}
	hash, _ := strconv.ParseUint(string(b[len(fileMagic):len(fileMagic)+4]), 16, 16)
	at := len(fileMagic) + 4 + int(hash)
	if at+8 > n {
		return 0, 0
	}
	c, err := strconv.ParseUint(string(b[at:at+8]), 16, 32)
	if err != nil || c == 0 || c > maxChannels {
		return 0, 0
	}
	return int(c), int64(at + 8)
}

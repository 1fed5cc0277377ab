package state

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"

	"iot-edge-anomaly/model/train"
)

// rowScan goes through a file of learning rows, whole blocks and what is between them.
type rowScan struct {
	f        io.ReaderAt
	size     int64 // of the file
	channels int
	left     int64  // bytes of values that may still come: more is damage
	buf      []byte // the newest block
	tries    int    // blocks that were none
}

const (
	scanTries = 1000     // then the rest of the file is taken for damaged
	scanPiece = 64 << 10 // bytes that are searched at once for the next block
)

// next returns the first whole block from offset at on, and where it begins; nil and
// the file's size where there is none. The block is valid until the next call.
func (s *rowScan) next(at int64) (b []byte, begins int64) {
	if b := s.block(at); b != nil {
		return b, at
	}
	piece := make([]byte, scanPiece)
	for at++; at < s.size && s.tries < scanTries; at += scanPiece - 3 {
		n, _ := s.f.ReadAt(piece, at) // what cannot be read holds no block
		for i := 0; i+4 <= n; i++ {
			if piece[i+1] != 'K' || !isBlockMagic(binary.LittleEndian.Uint32(piece[i:])) {
				continue
			}
			if b := s.block(at + int64(i)); b != nil {
				return b, at + int64(i)
			}
		}
	}
	return nil, s.size
}

// block reads the whole good block at offset at; nil where there is none.
func (s *rowScan) block(at int64) []byte {
	var head [blockHead]byte
	if _, err := s.f.ReadAt(head[:], at); err != nil {
		return nil
	}
	size := blockSize(head[:], s.channels)
	if size == 0 || at+size > s.size || size > s.left+blockHead+weekBytes {
		return nil
	}
	s.buf = slices.Grow(s.buf[:0], int(size))[:size]
	if _, err := s.f.ReadAt(s.buf, at); err != nil || blockSum(s.buf) != binary.LittleEndian.Uint32(s.buf[8:]) {
		s.tries++
		return nil
	}
	s.left -= size
	return s.buf
}

// rowsBetween is how many rows were, about, in the damaged bytes from from to to.
func (s *rowScan) rowsBetween(from, to int64) int {
	var head [blockHead]byte
	if _, err := s.f.ReadAt(head[:], from); err == nil && from+blockSize(head[:], s.channels) == to {
		return int(binary.LittleEndian.Uint32(head[4:]))
	}
	row := int64(8 * s.channels)
	return int((max(0, to-from-blockHead) + row - 1) / row)
}

func isBlockMagic(m uint32) bool { return m == blockMagic || m == weekMagic }

// each calls use with every block of the file, and hole with the rows that are missing
// before a block or at the end. It returns the end of the last block.
func (r *RowLog) each(f io.ReaderAt, size int64, use func(b []byte) error, hole func(rows int, atEnd bool) error) (end int64, err error) {
	s := rowScan{f: f, size: size, channels: r.o.Channels, left: 2 * r.o.MaxBytes}
	end = int64(len(r.header()))
	for at := end; at < size && err == nil; {
		b, begins := s.next(at)
		if begins > at {
			err = hole(s.rowsBetween(at, begins), b == nil)
		}
		if b == nil {
			break
		}
		if err == nil {
			err = use(b)
		}
		at = begins + int64(len(b))
		end = at
	}
	return end, err
}

// load checks the file and counts its rows. What is damaged is cut out of it.
func (r *RowLog) load() error {
	f, err := open(r.o.Path, os.O_RDWR)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read learning rows: %w", err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return fmt.Errorf("read learning rows: %w", err)
	}
	head := make([]byte, len(r.header()))
	n, _ := f.ReadAt(head, 0) // a short one is no header
	damaged := unlike(head[:n], r.header())
	if damaged > len(head)/headWhole {
		if isHeader(head[:n]) {
			return fmt.Errorf("%s: other channels: %w", r.o.Path, ErrDiscarded)
		}
		s := rowScan{f: f, size: st.Size(), channels: r.o.Channels}
		r.lose(s.rowsBetween(int64(n), st.Size())) // they may be of other channels
		if err := f.Truncate(0); err != nil {      // to tell it once
			return fmt.Errorf("mend learning rows: %w", err)
		}
		return nil
	}
	lost, holes := 0, damaged > 0
	r.size, err = r.each(f, st.Size(), func(b []byte) error {
		values, week, _ := parseBlock(b, r.o.Channels)
		r.week = week
		r.stored += len(values) / r.o.Channels
		r.have += countRows(values, r.o.Channels) * max(1, r.skip)
		return nil
	}, func(rows int, atEnd bool) error { lost, holes = lost+rows, holes || !atEnd; return nil })
	if err != nil {
		return err
	}
	if r.stored == 0 {
		r.size = 0 // the next flush writes the header too
	}
	r.seen = r.have
	if holes && r.stored > 0 {
		err = r.mend(f, st.Size())
	} else if r.size < st.Size() {
		err = f.Truncate(r.size)
	}
	r.lose(lost)
	if err != nil {
		return fmt.Errorf("mend learning rows: %w", err)
	}
	return nil
}

// headWhole is of how many bytes of a header one may be wrong so that it is still taken
// for the header of the machine's rows: that of other channels differs in most bytes of
// the hash.
const headWhole = 24

// unlike counts the bytes that differ.
func unlike(got []byte, want string) int {
	n := len(want) - len(got)
	for i, b := range got {
		if b != want[i] {
			n++
		}
	}
	return n
}

// isHeader tells whether a whole header begins here, perhaps of other channels.
func isHeader(b []byte) bool {
	if len(b) < len(fileMagic)+4 || string(b[:len(fileMagic)]) != fileMagic {
		return false
	}
	_, err := strconv.ParseUint(string(b[len(fileMagic):len(fileMagic)+4]), 16, 16)
	return err == nil
}

// mend replaces the file by its whole blocks, with gaps where rows are missing.
func (r *RowLog) mend(f io.ReaderAt, size int64) error {
	to, err := Create(r.o.Path, 0o600)
	if err != nil {
		return err
	}
	stored, end := 0, int64(len(r.header()))
	put := func(b []byte) error {
		end += int64(len(b))
		stored += int(binary.LittleEndian.Uint32(b[4:]))
		_, err := to.Write(b)
		return err
	}
	_, err = to.WriteString(r.header())
	var week *train.Coverage
	if err == nil {
		_, err = r.each(f, size, func(b []byte) error {
			_, week, _ = parseBlock(b, r.o.Channels)
			return put(b)
		}, func(_ int, atEnd bool) error {
			if stored == 0 || atEnd {
				return nil
			}
			return put(appendBlock(nil, appendGap(nil, gapMost*r.o.Channels), r.o.Channels, week))
		})
	}
	if err != nil {
		return errors.Join(err, to.Drop())
	}
	if err := to.Commit(); err != nil {
		return err
	}
	r.size, r.stored, r.written = end, stored, r.written+uint64(end)
	return nil
}

// Load reads all rows from the disk and joins those in memory, (n, C) row-major, NaN =
// missing; a row of NaN is a gap. The slice is the caller's. It may be called from
// another goroutine on a copy of the RowLog while nothing is pushed. It waits for what is
// being written. ErrLost tells that
// the disk does not hold any more what was written: opened anew, the RowLog knows what
// it has.
func (r RowLog) Load() ([]float64, error) {
	_ = r.join() // after an error the rows are in memory
	rows, gaps := make([]float64, 0, r.stored*r.o.Channels+len(r.fresh)), 0
	if r.size > 0 {
		f, err := open(r.o.Path, os.O_RDONLY)
		if err != nil {
			return nil, fmt.Errorf("read learning rows: %w: %w", err, ErrLost)
		}
		defer f.Close()
		_, err = r.each(f, r.size, func(b []byte) error {
			rows = appendValues(rows, b)
			return nil
		}, func(int, bool) error {
			gaps += gapMost
			rows = appendGap(rows, gapMost*r.o.Channels)
			return nil
		})
		if err != nil || len(rows) != (r.stored+gaps)*r.o.Channels {
			return nil, fmt.Errorf("read learning rows: %s: %w", r.o.Path, ErrLost)
		}
	}
	return append(rows, r.fresh...), nil
}

package learn

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"
	"time"
)

const (
	fileMagic  = "ieal\x00\x01" // learning rows, layout 1
	blockMagic = 0x4c424b31
	blockHead  = 12
	maxBlock   = 1 << 24 // rows; more is damage

	maxChannels = 1 << 16
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// ErrDiscarded tells that an earlier file was of no use and has been replaced.
var ErrDiscarded = errors.New("earlier learning rows discarded")

// Flush writes the rows collected since the last flush as one block and syncs
// it. A failure leaves them in memory for the next try.
func (r *Rows) Flush() error {
	r.last = time.Now()
	fresh := r.data[r.flushed:]
	if len(fresh) == 0 {
		return nil
	}
	var b bytes.Buffer
	if r.flushed == 0 {
		b.WriteString(r.header())
	}
	b.Write(block(fresh, r.o.Channels))
	mode := os.O_CREATE | os.O_WRONLY | os.O_APPEND
	if r.flushed == 0 {
		mode |= os.O_TRUNC
	}
	if err := writeSync(r.o.Path, mode, b.Bytes()); err != nil {
		return fmt.Errorf("keep learning rows: %w", err)
	}
	r.flushed = len(r.data)
	r.written += uint64(b.Len())
	return nil
}

func writeSync(path string, mode int, b []byte) error {
	f, err := os.OpenFile(path, mode, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Sync(), f.Close())
}

func (r *Rows) header() string {
	return fmt.Sprintf("%s%04x%s%08x", fileMagic, len(r.o.Schema), r.o.Schema, r.o.Channels)
}

// block is magic, rows, checksum and the values. The checksum covers the count
// and the values.
func block(values []float64, channels int) []byte {
	b := make([]byte, blockHead, blockHead+8*len(values))
	binary.LittleEndian.PutUint32(b[0:], blockMagic)
	binary.LittleEndian.PutUint32(b[4:], uint32(len(values)/channels))
	for _, v := range values {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
	}
	binary.LittleEndian.PutUint32(b[8:], blockSum(b))
	return b
}

func blockSum(b []byte) uint32 {
	return crc32.Update(crc32.Checksum(b[4:8], castagnoli), castagnoli, b[blockHead:])
}

// load reads the file up to the last good block and cuts off the rest.
func (r *Rows) load() error {
	f, err := os.OpenFile(r.o.Path, os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read learning rows: %w", err)
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, 2*r.o.MaxBytes+1<<20))
	if err != nil {
		return fmt.Errorf("read learning rows: %w", err)
	}
	head := r.header()
	if !bytes.HasPrefix(raw, []byte(head)) {
		return fmt.Errorf("%s: other channels or not ours: %w", r.o.Path, ErrDiscarded)
	}
	rest := raw[len(head):]
	good := int64(len(head))
	for {
		values, n := parseBlock(rest, r.o.Channels)
		if n == 0 {
			break
		}
		r.data = append(r.data, values...)
		good += int64(n)
		rest = rest[n:]
	}
	r.flushed = len(r.data)
	r.have = countRows(r.data, r.o.Channels)
	r.seen = r.have
	if len(rest) > 0 {
		return errors.Join(f.Truncate(good), f.Sync())
	}
	return nil
}

// parseBlock returns the values of the block at the head of b and its length,
// 0 where there is no whole good block.
func parseBlock(b []byte, channels int) ([]float64, int) {
	if len(b) < blockHead || binary.LittleEndian.Uint32(b) != blockMagic {
		return nil, 0
	}
	rows := binary.LittleEndian.Uint32(b[4:])
	if rows == 0 || rows > maxBlock || channels <= 0 || channels > maxChannels {
		return nil, 0
	}
	size := uint64(blockHead) + uint64(rows)*uint64(channels)*8
	if uint64(len(b)) < size || blockSum(b[:size]) != binary.LittleEndian.Uint32(b[8:]) {
		return nil, 0
	}
	values := make([]float64, int(rows)*channels)
	for i := range values {
		values[i] = math.Float64frombits(binary.LittleEndian.Uint64(b[blockHead+8*i:]))
	}
	return values, int(size)
}

// countRows counts the rows that are no gap. Idle rows count too: a restart
// during learning may end it a few rows early, never late.
func countRows(data []float64, channels int) int {
	n := 0
	for i := 0; i+channels <= len(data); i += channels {
		for _, v := range data[i : i+channels] {
			if !math.IsNaN(v) {
				n++
				break
			}
		}
	}
	return n
}

package state

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"
	"time"

	"iot-edge-anomaly/model/train"
)

const (
	fileMagic  = "ieal\x00\x01" // learning rows, layout 1
	blockMagic = 0x4c424b31     // a block that does not say when
	weekMagic  = 0x4c424b32     // one with the hours of the week that were seen
	blockHead  = 12
	weekBytes  = 24      // 168 bits, and three bytes of 0
	maxBlock   = 1 << 24 // rows; more is damage

	maxChannels = 1 << 16
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// ErrDiscarded tells that an earlier file was of no use and has been replaced.
var ErrDiscarded = errors.New("earlier learning rows discarded")

// Flush writes the rows collected since the last flush as one block and syncs
// it. A failure leaves them in memory for the next try.
func (r *RowLog) Flush() error {
	r.last = time.Now()
	fresh := r.data[r.flushed:]
	if len(fresh) == 0 {
		return nil
	}
	var b bytes.Buffer
	if r.flushed == 0 {
		b.WriteString(r.header())
	}
	b.Write(block(fresh, r.o.Channels, r.week))
	if err := r.writeAt(r.size, b.Bytes()); err != nil {
		return fmt.Errorf("keep learning rows: %w", err)
	}
	r.flushed = len(r.data)
	r.size += int64(b.Len())
	r.written += uint64(b.Len())
	return nil
}

// writeAt puts b behind the last good block and cuts off what a failed write
// may have left there: a block behind a torn one would never be read.
func (r *RowLog) writeAt(off int64, b []byte) error {
	f, err := os.OpenFile(r.o.Path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	err = f.Truncate(off)
	if err == nil {
		_, err = f.WriteAt(b, off)
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func (r *RowLog) header() string {
	return fmt.Sprintf("%s%04x%s%08x", fileMagic, len(r.o.Schema), r.o.Schema, r.o.Channels)
}

// block is magic, rows, checksum, the hours that were seen where they are known,
// and the values. The checksum covers all but the magic.
func block(values []float64, channels int, week *train.Coverage) []byte {
	b := make([]byte, blockHead, blockHead+weekBytes+8*len(values))
	binary.LittleEndian.PutUint32(b[0:], blockMagic)
	binary.LittleEndian.PutUint32(b[4:], uint32(len(values)/channels))
	if week != nil {
		binary.LittleEndian.PutUint32(b[0:], weekMagic)
		var bits [weekBytes]byte
		for i, seen := range week {
			if seen {
				bits[i/8] |= 1 << (i % 8)
			}
		}
		b = append(b, bits[:]...)
	}
	for _, v := range values {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
	}
	binary.LittleEndian.PutUint32(b[8:], blockSum(b))
	return b
}

// weekOf reads what block wrote.
func weekOf(b []byte) *train.Coverage {
	var w train.Coverage
	for i := range w {
		w[i] = b[i/8]>>(i%8)&1 != 0
	}
	return &w
}

func blockSum(b []byte) uint32 {
	return crc32.Update(crc32.Checksum(b[4:8], castagnoli), castagnoli, b[blockHead:])
}

// load reads the file up to the last good block and cuts off the rest.
func (r *RowLog) load() error {
	f, err := open(r.o.Path, os.O_RDWR)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read learning rows: %w", err)
	}
	defer f.Close()
	head := make([]byte, len(r.header()))
	if _, err := io.ReadFull(f, head); err != nil || string(head) != r.header() {
		return fmt.Errorf("%s: other channels or not ours: %w", r.o.Path, ErrDiscarded)
	}
	r.size = int64(len(head))
	in := bufio.NewReader(f)
	for {
		values, week, n := readBlock(in, r.o.Channels, 2*r.o.MaxBytes-int64(8*len(r.data)))
		if n == 0 {
			break
		}
		r.week = week
		r.data = append(r.data, values...)
		r.size += int64(n)
	}
	if len(r.data) == 0 {
		r.size = 0 // the next flush writes the header too
	}
	r.flushed = len(r.data)
	r.have = countRows(r.data, r.o.Channels) * max(1, r.skip)
	r.seen = r.have
	return nil
}

// readBlock reads one block; 0 where no whole good block of at most limit bytes
// comes next.
func readBlock(in io.Reader, channels int, limit int64) ([]float64, *train.Coverage, int) {
	head := make([]byte, blockHead)
	if _, err := io.ReadFull(in, head); err != nil {
		return nil, nil, 0
	}
	size := blockSize(head, channels)
	if size == 0 || size > limit+blockHead+weekBytes {
		return nil, nil, 0
	}
	b := make([]byte, size)
	copy(b, head)
	if _, err := io.ReadFull(in, b[blockHead:]); err != nil {
		return nil, nil, 0
	}
	return parseBlock(b, channels)
}

// blockSize is the length that a block's head tells, 0 where it is none.
func blockSize(head []byte, channels int) int64 {
	if len(head) < blockHead || channels <= 0 || channels > maxChannels {
		return 0
	}
	rows := binary.LittleEndian.Uint32(head[4:])
	if rows == 0 || rows > maxBlock {
		return 0
	}
	switch size := blockHead + int64(rows)*int64(channels)*8; binary.LittleEndian.Uint32(head) {
	case blockMagic:
		return size
	case weekMagic:
		return size + weekBytes
	}
	return 0
}

// parseBlock returns the values of the block at the head of b, the hours that
// were seen, nil where it does not say, and its length, 0 where there is no whole
// good block.
func parseBlock(b []byte, channels int) ([]float64, *train.Coverage, int) {
	size := blockSize(b, channels)
	if size == 0 || int64(len(b)) < size || blockSum(b[:size]) != binary.LittleEndian.Uint32(b[8:]) {
		return nil, nil, 0
	}
	body := b[blockHead:size]
	var week *train.Coverage
	if binary.LittleEndian.Uint32(b) == weekMagic {
		week, body = weekOf(body), body[weekBytes:]
	}
	values := make([]float64, len(body)/8)
	for i := range values {
		values[i] = math.Float64frombits(binary.LittleEndian.Uint64(body[8*i:]))
	}
	return values, week, int(size)
}

// countRows counts the rows that are no gap. Idle rows count too, so a restart
// during learning may end it a few rows early.
func countRows(data []float64, channels int) int {
	n := 0
	for i := 0; i+channels <= len(data); i += channels {
		if !isGap(data[i : i+channels]) {
			n++
		}
	}
	return n
}

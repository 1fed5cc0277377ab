package state

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"slices"

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

// ErrDiscarded tells that an earlier file was of other channels and has been replaced.
var ErrDiscarded = errors.New("earlier learning rows discarded")

// ErrLost tells that learning rows which were on disk are not there any more.
var ErrLost = errors.New("learning rows are lost")

func (r *RowLog) header() string { return r.o.header() }

func (o *RowLogOptions) header() string {
	return fmt.Sprintf("%s%04x%s%08x", fileMagic, len(o.Schema), o.Schema, o.Channels)
}

// appendBlock appends magic, rows, checksum, the hours that were seen where they are
// known, and the values. The checksum covers all but the magic.
func appendBlock(b []byte, values []float64, channels int, week *train.Coverage) []byte {
	at := len(b)
	b = slices.Grow(b, blockHead+weekBytes+8*len(values))[:at+blockHead]
	binary.LittleEndian.PutUint32(b[at:], blockMagic)
	binary.LittleEndian.PutUint32(b[at+4:], uint32(len(values)/channels))
	if week != nil {
		binary.LittleEndian.PutUint32(b[at:], weekMagic)
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
	binary.LittleEndian.PutUint32(b[at+8:], blockSum(b[at:]))
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
	var week *train.Coverage
	if binary.LittleEndian.Uint32(b) == weekMagic {
		week = weekOf(b[blockHead:])
	}
	return appendValues(nil, b[:size]), week, int(size)
}

// appendValues appends the values of a good block.
func appendValues(values []float64, b []byte) []float64 {
	body := b[blockHead:]
	if binary.LittleEndian.Uint32(b) == weekMagic {
		body = body[weekBytes:]
	}
	values = slices.Grow(values, len(body)/8)
	for ; len(body) >= 8; body = body[8:] {
		values = append(values, math.Float64frombits(binary.LittleEndian.Uint64(body)))
	}
	return values
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

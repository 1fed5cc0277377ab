package regs

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"time"

	"iot-edge-anomaly/drivers/internal/chip"
	"iot-edge-anomaly/drivers/internal/crc8"
)

// CRC is the checksum that a chip sends with its bytes.
type CRC int

// The checksums.
const (
	NoCRC     CRC = iota
	Sensirion     // one byte after each 16-bit word
	PEC           // SMBus: one byte at the end, over addresses and data
)

// Place says where in the chip a number is and how it is read.
type Place struct {
	At     []byte        // written first: an address or a command; empty = only read
	Wait   time.Duration // between writing At and reading; 0 = one transfer
	Skip   int           // bytes before the number, including checksums
	Width  int           // bytes of the number, without checksums: 1 to 8
	Little bool          // least significant byte first
	CRC    CRC
}

const (
	again = 3 * time.Millisecond // between attempts to read a chip that is not ready
	tries = 5
)

// errWrong marks errors that concern one register and say nothing about the chip.
var errWrong = errors.New("no value")

// Length is the number of bytes to read, checksums included.
func (p *Place) Length() int {
	switch p.CRC {
	case Sensirion:
		return p.Skip + p.Width/2*3
	case PEC:
		return p.Skip + p.Width + 1
	}
	return p.Skip + p.Width
}

// prepare checks a place and the mask of its number, and sets the mask if it is 0.
func (p *Place) prepare(mask *uint64, shift int) error {
	switch {
	case p.Width < 1 || p.Width > 8:
		return fmt.Errorf("width %d, want 1 to 8", p.Width)
	case p.CRC == Sensirion && (p.Width%2 != 0 || p.Skip%3 != 0):
		return fmt.Errorf("width %d and skip %d, want whole words with this checksum", p.Width, p.Skip)
	case p.Skip < 0 || p.Skip > MaxTransfer || p.Length() > MaxTransfer:
		return fmt.Errorf("skip %d, want a transfer of at most %d bytes", p.Skip, MaxTransfer)
	case len(p.At) > MaxTransfer || p.Wait < 0:
		return fmt.Errorf("address of %d bytes and a wait of %v, want at most %d bytes", len(p.At), p.Wait, MaxTransfer)
	}
	all := uint64(math.MaxUint64) >> (64 - 8*p.Width)
	if *mask == 0 {
		*mask = all
	}
	switch {
	case *mask&^all != 0:
		return fmt.Errorf("mask 0x%x, want one of at most %d bytes", *mask, p.Width)
	case shift < 0 || shift >= bits.Len64(*mask):
		return fmt.Errorf("shift %d, want 0 to %d with this mask", shift, bits.Len64(*mask)-1)
	}
	return nil
}

// number reads the number at a place. An errWrong concerns the number only, any
// other error the chip.
func (d *Dev) number(ctx context.Context, what string, p *Place) (uint64, error) {
	b, err := d.fetch(ctx, what, p)
	if err != nil {
		return 0, err
	}
	switch data := b[p.Skip:]; p.CRC {
	case Sensirion:
		return p.words(what, data)
	case PEC:
		if err := d.packet(what, p, b); err != nil {
			return 0, err
		}
		return p.join(data[:p.Width]), nil
	default:
		return p.join(data), nil
	}
}

// fetch reads the bytes of a place, at once or after its wait.
func (d *Dev) fetch(ctx context.Context, what string, p *Place) (b []byte, err error) {
	if len(p.At) == 0 {
		return d.chip.Receive(what, p.Length())
	}
	if p.Wait == 0 {
		return d.chip.Registers(what, p.Length(), p.At...)
	}
	if err := d.chip.Write(what, p.At...); err != nil {
		return nil, err
	}
	late := d.chip.Poll(ctx, p.Wait, again, tries, func() (bool, error) {
		b, err = d.chip.Receive(what, p.Length())
		return err == nil, nil
	})
	if late == chip.ErrNotReady {
		return nil, err
	}
	return b, late
}

// words checks and removes the checksums of Sensirion's words.
func (p *Place) words(what string, b []byte) (uint64, error) {
	var data [8]byte
	for i := 0; i < p.Width; i += 2 {
		w := b[i/2*3:]
		if want := crc8.Sensirion(w[0], w[1]); w[2] != want {
			return 0, fmt.Errorf("%s: %w: checksum of % x is 0x%02x, want 0x%02x", what, errWrong, w[:2], w[2], want)
		}
		copy(data[i:], w[:2])
	}
	return p.join(data[:p.Width]), nil
}

// packet checks the packet error code at the end of b. It covers the written part
// too, if that belongs to the same transfer.
func (d *Dev) packet(what string, p *Place, b []byte) error {
	var buf [2 + 2*MaxTransfer]byte
	message := buf[:0]
	if p.Wait == 0 && len(p.At) > 0 {
		message = append(append(message, d.addr<<1), p.At...)
	}
	message = append(append(message, d.addr<<1|1), b[:len(b)-1]...)
	if got, want := b[len(b)-1], crc8.PEC(message...); got != want {
		return fmt.Errorf("%s: %w: packet error code of % x is 0x%02x, want 0x%02x", what, errWrong, b[:len(b)-1], got, want)
	}
	return nil
}

// join forms a number from bytes.
func (p *Place) join(b []byte) (n uint64) {
	for i := range b {
		if p.Little {
			n |= uint64(b[i]) << (8 * i)
		} else {
			n = n<<8 | uint64(b[i])
		}
	}
	return n
}

// value converts a register's number to its value.
func (r *Register) value(n uint64) (float64, error) {
	n = n & r.Mask >> r.Shift
	if slices.Contains(r.Missing, n) {
		return math.NaN(), fmt.Errorf("%s: %w: the chip sent 0x%x, which means that it has none", r.Name, errWrong, n)
	}
	v := float64(n)
	if unused := 64 - (bits.Len64(r.Mask) - r.Shift); r.Signed {
		v = float64(int64(n<<unused) >> unused)
	}
	return r.Offset + float64(r.Scale*v), nil
}

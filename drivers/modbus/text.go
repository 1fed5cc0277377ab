package modbus

import (
	"context"
	"fmt"
	"strings"
)

// Text is a text in a device's registers: a serial number, a version. It identifies
// the device and is no channel.
type Text struct {
	Table   Table
	Address uint16 // of the first register, from 0
	Bytes   int    // two in each register, at most 250
	Order   Order  // ABCD, or BADC if the bytes of each register are swapped
}

// Check is the error why the text cannot be read, else nil.
func (x Text) Check() error {
	switch n := (x.Bytes + 1) / 2; {
	case x.Table != Holding && x.Table != Input:
		return fmt.Errorf("a text cannot be in table %v", x.Table)
	case x.Bytes < 1 || n > x.Table.limit(2):
		return fmt.Errorf("text of %d bytes: want 1 to %d", x.Bytes, 2*x.Table.limit(2))
	case int(x.Address)+n > 1<<16:
		return fmt.Errorf("text of %d bytes ends beyond address %d", x.Bytes, 1<<16-1)
	case x.Order != ABCD && x.Order != BADC:
		return fmt.Errorf("order %v does not fit a text: want ABCD or BADC", x.Order)
	}
	return nil
}

// ReadText reads a text of a unit once. What follows the first zero byte, and blanks
// at the ends, do not belong to it; other bytes than printable ASCII are written as
// \x00. It is empty if the registers hold none.
func (l *Line) ReadText(ctx context.Context, unit uint8, x Text, limits RequestLimits) (string, error) {
	if err := x.Check(); err != nil {
		return "", err
	}
	b, err := newClient(l, unit, limits).read(ctx, x.Table, x.Address, uint16((x.Bytes+1)/2), 2)
	if err != nil {
		return "", fmt.Errorf("unit %d: %v %d: %w", unit, x.Table, x.Address, err)
	}
	return x.text(b), nil
}

// text is the text in the bytes of an answer.
func (x Text) text(b []byte) string {
	var out strings.Builder
	for i := range x.Bytes {
		at := i
		if x.Order == BADC && i^1 < len(b) {
			at = i ^ 1
		}
		c := b[at]
		if c == 0 {
			break
		}
		if c == 0xFF && strings.Count(string(b), "\xFF") == len(b) {
			return "" // registers that were never written
		}
		if c < ' ' || c > '~' {
			fmt.Fprintf(&out, `\x%02x`, c)
			continue
		}
		out.WriteByte(c)
	}
	return strings.Trim(out.String(), " ")
}

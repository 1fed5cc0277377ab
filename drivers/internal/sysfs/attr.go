package sysfs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	tries      = 3 // of one read
	pauseRetry = 5 * time.Millisecond
)

// passing are the errors after which a repeated read may succeed.
var passing = []error{unix.EAGAIN, unix.EBUSY, unix.EINTR, unix.EIO, unix.ENXIO, unix.EREMOTEIO, unix.EBADMSG, unix.EPROTO, unix.ETIMEDOUT}

// Attr is an open attribute that holds one value. Not safe for concurrent use.
type Attr struct {
	name string
	file File
	buf  [64]byte // longer than any number: text that fills it is not a number
}

// Attr opens the attribute at a full path.
func (fs FS) Attr(path string) (*Attr, error) {
	f, err := fs.open(path)
	if err != nil {
		return nil, err
	}
	return &Attr{name: filepath.Base(path), file: f}, nil
}

// Close closes the attribute; nil is allowed.
func (a *Attr) Close() {
	if a != nil {
		_ = a.file.Close() // nothing was written, so an error loses nothing
	}
}

// Number asks the kernel for the attribute's value.
func (a *Attr) Number(ctx context.Context) (float64, error) {
	n, err := a.file.ReadAt(a.buf[:], 0)
	for i := 1; err != nil && i < tries && slices.Contains(passing, err) && ctx.Err() == nil; i++ {
		time.Sleep(pauseRetry)
		n, err = a.file.ReadAt(a.buf[:], 0)
	}
	if err != nil {
		return 0, fmt.Errorf("%s: %w", a.name, explained(err))
	}
	v, ok := ParseNumber(a.buf[:n])
	if !ok || n == len(a.buf) {
		return 0, fmt.Errorf("%s: %q is not a number", a.name, Text(a.buf[:n]))
	}
	return v, nil
}

// explained adds what an errno means here, where its text is misleading.
func explained(err error) error {
	switch {
	case errors.Is(err, unix.ENODATA):
		return fmt.Errorf("the sensor is switched off or has no value: %w", err)
	case errors.Is(err, unix.EBUSY):
		return fmt.Errorf("the device is in use, for example because its buffer is enabled: %w", err)
	case errors.Is(err, unix.ENXIO), errors.Is(err, unix.EREMOTEIO), errors.Is(err, unix.ETIMEDOUT):
		return fmt.Errorf("the chip does not answer: %w", err)
	case errors.Is(err, unix.ENODEV):
		return fmt.Errorf("the device is gone: %w", err)
	}
	return err
}

// ParseNumber parses a number as the kernel writes it: an optional sign, digits,
// for industrial I/O a fraction, and a line end. It allocates nothing.
func ParseNumber(b []byte) (float64, bool) {
	b = bytes.TrimSpace(b)
	if len(b) > 48 || !isDecimal(b) {
		return 0, false
	}
	v, err := strconv.ParseFloat(string(b), 64)
	return v, err == nil
}

// isDecimal accepts numbers like -12.5 and rejects the other forms that ParseFloat
// accepts.
func isDecimal(b []byte) bool {
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		b = b[1:]
	}
	whole, fraction, point := bytes.Cut(b, []byte("."))
	return isDigits(whole) && (!point || isDigits(fraction))
}

func isDigits(b []byte) bool {
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(b) > 0
}

// Text is the first line of an attribute that holds text.
func Text(b []byte) string {
	s, _, _ := strings.Cut(string(b), "\n")
	return strings.TrimSpace(strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), ""))
}

// Text reads the text at a full path; "" if it is absent or unreadable.
func (fs FS) Text(path string) string {
	f, err := fs.open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	var buf [256]byte
	n, err := f.ReadAt(buf[:], 0)
	if err != nil {
		return ""
	}
	return Text(buf[:n])
}

// Number reads the number at a full path once.
func (fs FS) Number(ctx context.Context, path string) (float64, error) {
	a, err := fs.Attr(path)
	if err != nil {
		return 0, err
	}
	defer a.Close()
	return a.Number(ctx)
}

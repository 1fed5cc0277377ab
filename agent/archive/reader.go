package archive

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Bounds of what Read takes.
const (
	maxFiles = 10_000
	maxSums  = 4 << 20 // bytes
)

// ErrDamaged tells that an archive is not as it was written.
var ErrDamaged = errors.New("damaged")

// errForeign tells that something is no archive at all.
var errForeign = errors.New("not a tar file")

// File is an entry of an archive.
type File struct {
	Name string
	Size int64 // bytes
}

// Read gives each file of an archive to use, in order, with its content, and then
// compares all with their sums. Only if it returns nil was what it gave out what had
// been written: before that, nothing may come of it. An error of use ends it.
func Read(r io.Reader, use func(f File, content io.Reader) error) error {
	sums := map[string]string{} // by name
	for {
		var h [blockSize]byte
		if _, err := io.ReadFull(r, h[:]); err != nil {
			if len(sums) == 0 {
				return errForeign
			}
			return fmt.Errorf("%w: it ends early", ErrDamaged)
		}
		f, err := parseHeader(&h)
		if err != nil {
			if len(sums) > 0 {
				err = fmt.Errorf("%w after %d files: %w", ErrDamaged, len(sums), err)
			}
			return err
		}
		if f.Name == sumsName {
			return compare(r, f.Size, sums)
		}
		if _, twice := sums[f.Name]; twice || len(sums) >= maxFiles {
			return fmt.Errorf("%s: twice, or more than %d files", f.Name, maxFiles)
		}
		if sums[f.Name], err = take(r, f, use); err != nil {
			return err
		}
	}
}

// take gives one file to use, and returns its sum.
func take(r io.Reader, f File, use func(File, io.Reader) error) (string, error) {
	sum := sha256.New()
	left := &io.LimitedReader{R: r, N: f.Size}
	content := io.TeeReader(left, sum)
	if err := use(f, content); err != nil {
		return "", err
	}
	_, err := io.Copy(io.Discard, content)
	if err == nil && left.N == 0 {
		_, err = io.CopyN(io.Discard, r, padding(f.Size))
	}
	if err != nil || left.N > 0 {
		return "", fmt.Errorf("%w: %s ends early", ErrDamaged, f.Name)
	}
	return fmt.Sprintf("%x", sum.Sum(nil)), nil
}

// compare reads the sums, which must be those of all files, and the end.
func compare(r io.Reader, size int64, sums map[string]string) error {
	if size > maxSums {
		return fmt.Errorf("%w: %s has %d bytes", ErrDamaged, sumsName, size)
	}
	b := make([]byte, size+padding(size))
	if _, err := io.ReadFull(r, b); err != nil {
		return fmt.Errorf("%w: %s ends early", ErrDamaged, sumsName)
	}
	for line := range strings.Lines(string(b[:size])) {
		sum, name, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "  ")
		have, there := sums[name]
		switch {
		case !ok || !there:
			return fmt.Errorf("%w: %s names %.100q, which is not there", ErrDamaged, sumsName, name)
		case have != sum:
			return fmt.Errorf("%w: %s has sha256 %s, want %.64q", ErrDamaged, name, have, sum)
		}
		delete(sums, name)
	}
	for name := range sums {
		return fmt.Errorf("%w: %s does not name %s", ErrDamaged, sumsName, name)
	}
	return nil
}

// kinds are the entries of tar that are refused.
var kinds = map[byte]string{'1': "a link", '2': "a symbolic link", '3': "a device", '4': "a device", '5': "a folder", '6': "a pipe", 'S': "a sparse file"}

// parseHeader reads the header of a regular file.
func parseHeader(h *[blockSize]byte) (f File, err error) {
	if bytes.HasPrefix(h[:], []byte{0x1f, 0x8b}) {
		return f, errors.New("compressed: gunzip it first")
	}
	if !bytes.Equal(h[257:265], []byte("ustar\x0000")) {
		return f, errForeign
	}
	if sum, err := strconv.ParseInt(text(h[148:154]), 8, 32); err != nil || int(sum) != checksum(h) {
		return f, fmt.Errorf("%w: a header", ErrDamaged)
	}
	f.Name = text(h[0:100])
	if prefix := text(h[345:500]); prefix != "" {
		f.Name = prefix + "/" + f.Name
	}
	if err := goodName(f.Name); err != nil {
		return f, err
	}
	if kind := h[156]; kind != '0' {
		what := kinds[kind]
		if what == "" {
			what = fmt.Sprintf("of kind %q", kind)
		}
		return f, fmt.Errorf("%s is %s: only regular files are taken", f.Name, what)
	}
	if f.Size, err = strconv.ParseInt(text(h[124:136]), 8, 64); err != nil || f.Size < 0 || f.Size >= maxSize {
		return f, fmt.Errorf("%w: the size of %s", ErrDamaged, f.Name)
	}
	return f, nil
}

// text is a field up to its first NUL.
func text(b []byte) string {
	s, _, _ := bytes.Cut(b, []byte{0})
	return string(s)
}

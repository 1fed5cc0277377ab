package archive

import (
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"time"
)

const (
	blockSize = 512
	sumsName  = "SHA256SUMS"

	maxName = 255     // of ustar: 155 bytes of prefix, a slash, 100 of name
	maxSize = 1 << 33 // bytes of one file: eleven octal digits
)

// Writer writes an archive. It is for one goroutine.
type Writer struct {
	w    io.Writer
	sums strings.Builder
}

// NewWriter begins an archive.
func NewWriter(w io.Writer) *Writer { return &Writer{w: w} }

// Add writes a file under a name with slashes.
func (w *Writer) Add(name string, at time.Time, b []byte) error {
	h, err := header(name, int64(len(b)), at)
	if err != nil {
		return err
	}
	fmt.Fprintf(&w.sums, "%x  %s\n", sha256.Sum256(b), name)
	for _, part := range [][]byte{h[:], b, make([]byte, padding(int64(len(b))))} {
		if _, err := w.w.Write(part); err != nil {
			return err
		}
	}
	return nil
}

// Close writes the sums and the end. It does not close what it writes to.
func (w *Writer) Close() error {
	if err := w.Add(sumsName, time.Now(), []byte(w.sums.String())); err != nil {
		return err
	}
	_, err := w.w.Write(make([]byte, 2*blockSize))
	return err
}

// padding is what follows a file up to the next block.
func padding(size int64) int64 { return (blockSize - size%blockSize) % blockSize }

// header is that of a regular file.
func header(name string, size int64, at time.Time) (h [blockSize]byte, err error) {
	if err := goodName(name); err != nil {
		return h, err
	}
	if size >= maxSize {
		return h, fmt.Errorf("%s: %d bytes, want less than %d", name, size, int64(maxSize))
	}
	prefix := ""
	if len(name) > 100 {
		cut := strings.IndexByte(name[len(name)-101:], '/') + len(name) - 101
		if cut < len(name)-101 || cut > 155 {
			return h, fmt.Errorf("%s: the name is too long", name)
		}
		prefix, name = name[:cut], name[cut+1:]
	}
	copy(h[0:], name)
	copy(h[100:], "0000600\x000000000\x000000000\x00")
	copy(h[124:], fmt.Sprintf("%011o\x00%011o\x00", size, max(0, at.Unix())))
	h[156] = '0'
	copy(h[257:], "ustar\x0000")
	copy(h[345:], prefix)
	copy(h[148:], fmt.Sprintf("%06o\x00 ", checksum(&h)))
	return h, nil
}

// checksum is the sum of a header's bytes, those of the checksum taken for blanks.
func checksum(h *[blockSize]byte) (sum int) {
	for i, b := range h {
		if i >= 148 && i < 156 {
			b = ' '
		}
		sum += int(b)
	}
	return sum
}

// goodName refuses a name that leads elsewhere, or that a terminal would obey.
func goodName(name string) error {
	bad := func(r rune) bool { return r < ' ' || r == 0x7f || r == '\\' || r == 0xfffd }
	if len(name) > maxName || !fs.ValidPath(name) || name == "." || strings.ContainsFunc(name, bad) {
		return fmt.Errorf("name %.300q: want a path below the archive, without . and .. in it", name)
	}
	return nil
}

package board

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// maxFile bounds what is read of one file of the kernel.
const maxFile = 64 << 10

// readFile reads a file of the kernel with plain system calls. os.ReadFile
// would hand the file to the runtime's poller, which waits for ever where a
// driver answers EAGAIN.
func readFile(elem ...string) ([]byte, error) {
	path := filepath.Join(elem...)
	fd, err := retry(func() (int, error) { return unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0) })
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	defer unix.Close(fd)
	var out []byte
	buf := make([]byte, 4096)
	for len(out) < maxFile {
		n, err := retry(func() (int, error) { return unix.Read(fd, buf) })
		if err != nil {
			return nil, &os.PathError{Op: "read", Path: path, Err: err}
		}
		if n <= 0 {
			return out, nil
		}
		out = append(out, buf[:n]...)
	}
	return nil, fmt.Errorf("read %s: more than %d bytes", path, maxFile)
}

// retry repeats a system call that a signal interrupted.
func retry(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if err != unix.EINTR {
			return n, err
		}
	}
}

// readText reads a file that holds one value: the text up to a NUL, a device
// tree string's end, or the first line's. Absent and unreadable is "".
func readText(elem ...string) string {
	b, err := readFile(elem...)
	if err != nil {
		return ""
	}
	return parseText(b)
}

func parseText(b []byte) string {
	s := string(b)
	if i := strings.IndexAny(s, "\x00\n"); i >= 0 {
		s = s[:i]
	}
	return strings.TrimSpace(strings.ToValidUTF8(s, ""))
}

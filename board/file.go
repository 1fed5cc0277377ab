package board

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// maxFile bounds what is read from one of the kernel's files.
const maxFile = 64 << 10

// readFile reads one of the kernel's files with plain system calls. os.ReadFile would
// register it with the runtime's poller, which waits for ever if a driver returns
// EAGAIN.
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

// readText reads a file that holds one value: the text up to a NUL, which ends a
// device tree's string, or up to the end of the first line. It returns "" if the file
// is absent or unreadable.
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

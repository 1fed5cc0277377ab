package sysfs

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// FS is the tree that contains the kernel's files. The zero value is the machine's
// own.
type FS struct {
	// Root replaces "/"; "" means "/".
	Root string
	// Open replaces open(2) in tests that simulate faults; nil means open(2).
	Open func(path string) (File, error)
}

// File is an open attribute: ReadAt with offset 0 makes the kernel produce a fresh
// value.
type File interface {
	ReadAt(p []byte, off int64) (int, error)
	Close() error
}

// Path returns the full path of one of the kernel's files ("/sys/class/hwmon").
func (fs FS) Path(elem ...string) string {
	root := fs.Root
	if root == "" {
		root = "/"
	}
	return filepath.Join(append([]string{root}, elem...)...)
}

// open opens an attribute by its full path.
func (fs FS) open(path string) (File, error) {
	if fs.Open != nil {
		return fs.Open(path)
	}
	return Open(path)
}

// Open is open(2) for reading.
func Open(path string) (File, error) {
	n, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return fd(n), nil
}

type fd int

func (f fd) ReadAt(p []byte, off int64) (int, error) {
	for {
		n, err := unix.Pread(int(f), p, off)
		if err != unix.EINTR {
			return max(n, 0), err
		}
	}
}

func (f fd) Close() error { return unix.Close(int(f)) }

// Write writes the attribute at a full path. It does not create a file.
func (fs FS) Write(path, value string) error {
	n, err := unix.Open(path, unix.O_WRONLY|unix.O_TRUNC|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: path, Err: err}
	}
	_, err = unix.Write(n, []byte(value+"\n"))
	if cerr := unix.Close(n); err == nil {
		err = cerr
	}
	if err != nil {
		return &os.PathError{Op: "write", Path: path, Err: err}
	}
	return nil
}

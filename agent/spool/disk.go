package spool

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"iot-edge-anomaly/agent/diskwait"
)

// disk is the set of file operations that change the queue's folder. Tests
// replace them to simulate a full disk, I/O errors and power loss.
type disk struct {
	create   func(name string) (*os.File, error) // creates or truncates, for reading and writing
	writeAt  func(f *os.File, b []byte, off int64) (int, error)
	truncate func(f *os.File, size int64) error
	sync     func(f *os.File) error
	rename   func(from, to string) error
	link     func(from, to string) error
	remove   func(name string) error
	syncDir  func(dir string) error
	free     func(dir string) (int64, error) // bytes
}

// realDisk is the disk itself. Each operation is noted while it is under way: whoever
// waits for it has not hung.
func realDisk() disk {
	return disk{
		create: func(name string) (*os.File, error) {
			op := diskwait.Begin()
			f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
			op.End()
			return f, err
		},
		writeAt: func(f *os.File, b []byte, off int64) (int, error) {
			op := diskwait.Begin()
			n, err := f.WriteAt(b, off)
			op.End()
			return n, err
		},
		truncate: func(f *os.File, size int64) error { return f.Truncate(size) },
		sync: func(f *os.File) error {
			op := diskwait.Begin()
			err := syncLinked(f)
			op.End()
			return err
		},
		rename: func(from, to string) error {
			op := diskwait.Begin()
			err := os.Rename(from, to)
			op.End()
			return err
		},
		link: os.Link,
		remove: func(name string) error {
			op := diskwait.Begin()
			err := os.Remove(name)
			op.End()
			return err
		},
		syncDir: func(dir string) error {
			op := diskwait.Begin()
			err := syncDir(dir)
			op.End()
			return err
		},
		free: freeBytes,
	}
}

var errUnlinked = errors.New("file was removed")

// syncLinked syncs f and checks that it still has a name: the content of a
// removed file is lost when the process ends.
func syncLinked(f *os.File) error {
	if err := f.Sync(); err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Nlink == 0 {
		return fmt.Errorf("%s: %w", f.Name(), errUnlinked)
	}
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// freeBytes returns the free space of dir's file system for an ordinary user.
func freeBytes(dir string) (int64, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return 0, err
	}
	return int64(st.Bavail) * int64(st.Bsize), nil
}

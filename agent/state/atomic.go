package state

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"iot-edge-anomaly/agent/diskwait"
)

// File is written beside its place and takes it, whole, with Commit. Until then,
// what was there before stays, also after a power cut. It is for one goroutine.
type File struct {
	*bufio.Writer
	root *os.Root
	f    *os.File
	name string // its place in root
	temp string
}

// Create begins the file that will take the place of path, whose folder must be
// there. It fails at once where path cannot be replaced: a device or a folder is
// not.
func Create(path string, perm fs.FileMode) (*File, error) {
	root, err := os.OpenRoot(filepath.Dir(path))
	if pe := (*fs.PathError)(nil); errors.As(err, &pe) {
		return nil, pe.Err // the caller names the path
	} else if err != nil {
		return nil, err
	}
	name := filepath.Base(path)
	f := &File{root: root, name: name, temp: "." + name + ".new"}
	op := diskwait.Begin()
	err = f.open(perm)
	if op.End(); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	f.Writer = bufio.NewWriterSize(f.f, 1<<16)
	return f, nil
}

func (f *File) open(perm fs.FileMode) error {
	if st, err := f.root.Stat(f.name); err == nil && !st.Mode().IsRegular() {
		return errors.New("not a regular file: a device or folder is not replaced")
	}
	// A leftover of a crash is nobody's work.
	err := f.root.Remove(f.temp)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		f.f, err = f.root.OpenFile(f.temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
	}
	if pe := (*fs.PathError)(nil); errors.As(err, &pe) {
		return pe.Err // not the name that nobody knows
	}
	return err
}

// Commit makes the file durable and puts it in its place: fsync, rename, fsync of
// the folder. After an error, the place holds what it held before.
func (f *File) Commit() error {
	op := diskwait.Begin()
	err := f.commit()
	op.End()
	return err
}

func (f *File) commit() error {
	err := f.Flush()
	if st, e := f.f.Stat(); e == nil {
		wrote(0, int(st.Size()))
	}
	err = errors.Join(err, f.f.Sync(), f.f.Close())
	if err == nil {
		err = f.root.Rename(f.temp, f.name)
	}
	if err != nil {
		return errors.Join(err, f.remove(), f.root.Close())
	}
	return errors.Join(syncFolder(f.root), f.root.Close())
}

// Drop leaves things as they were. A nil File has nothing to leave.
func (f *File) Drop() error {
	if f == nil {
		return nil
	}
	return errors.Join(f.f.Close(), f.remove(), f.root.Close())
}

func (f *File) remove() error {
	if err := f.root.Remove(f.temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func syncFolder(root *os.Root) error {
	d, err := root.Open(".")
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// WriteFile replaces path by data, as Create and Commit do.
func WriteFile(path string, data []byte, perm fs.FileMode) error {
	f, err := Create(path, perm)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if _, err := f.Write(data); err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", path, err), f.Drop())
	}
	if err := f.Commit(); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// open opens a regular file. Anything else is an error: a pipe in its place would keep
// the agent waiting for ever.
func open(path string, flag int) (*os.File, error) {
	f, err := os.OpenFile(path, flag|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = fmt.Errorf("read %s: not a regular file", path)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// ReadFile is the bytes of a regular file; one of more than most bytes is an error.
func ReadFile(path string, most int64) ([]byte, error) {
	f, err := open(path, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(f, most+1))
	if err = errors.Join(err, f.Close()); err == nil && int64(len(b)) > most {
		err = fmt.Errorf("read %s: more than %d bytes", path, most)
	}
	return b, err
}

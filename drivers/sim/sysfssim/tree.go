package sysfssim

import (
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"iot-edge-anomaly/drivers/internal/sysfs"
)

// Pi4 is the recording of a Raspberry Pi 4 with sensors.
//
//go:embed pi4.tree
var Pi4 string

// Tree is a recording written below Root. It is safe for concurrent use.
type Tree struct {
	Root string

	mu    sync.Mutex
	count int64
	err   error // with which reads fail; nil = none fails
	skip  int   // reads that still succeed before that
	left  int   // reads that fail; negative = all
}

// Lay writes a recording into root, an empty folder.
func Lay(root, recording string) (*Tree, error) {
	t := &Tree{Root: root}
	for i, line := range strings.Split(recording, "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		var err error
		if path, target, ok := strings.Cut(line, " -> "); ok {
			err = t.link(path, target)
		} else if path, value, ok := strings.Cut(line, ": "); ok {
			err = t.Set(path, value)
		} else {
			err = fmt.Errorf("%q is neither file nor link", line)
		}
		if err != nil {
			return nil, fmt.Errorf("recording line %d: %w", i+1, err)
		}
	}
	return t, nil
}

func (t *Tree) link(path, target string) error {
	full := filepath.Join(t.Root, path)
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		return err
	}
	return os.Symlink(target, full)
}

// Set writes one attribute in place, so that an open file reads the new value.
func (t *Tree) Set(path, value string) error {
	full := filepath.Join(t.Root, path)
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		return err
	}
	return os.WriteFile(full, []byte(value+"\n"), 0o644)
}

// Remove removes a path with everything below it.
func (t *Tree) Remove(path string) error { return os.RemoveAll(filepath.Join(t.Root, path)) }

// Rename moves a file, a folder or a link, as a device moves to another number.
func (t *Tree) Rename(from, to string) error {
	return os.Rename(filepath.Join(t.Root, from), filepath.Join(t.Root, to))
}

// FS returns the tree for a driver, with its faults.
func (t *Tree) FS() sysfs.FS { return sysfs.FS{Root: t.Root, Open: t.open} }

// Fail lets skip reads succeed and then fails n of them with err, all if n is
// negative; a nil err repairs the tree.
func (t *Tree) Fail(skip, n int, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.skip, t.left, t.err = skip, n, err
}

// Count returns the number of reads of values so far, including failed ones.
func (t *Tree) Count() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.count
}

func (t *Tree) read() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.count++
	switch {
	case t.err == nil || t.left == 0:
		return nil
	case t.skip > 0:
		t.skip--
		return nil
	}
	t.left--
	return t.err
}

func (t *Tree) open(path string) (sysfs.File, error) {
	f, err := sysfs.Open(path)
	if err != nil {
		return nil, err
	}
	return &file{f, t, isValue(path)}, nil
}

// isValue reports whether an attribute is measured. Names and labels come from the
// kernel's memory and do not fail with the device.
func isValue(path string) bool {
	base := filepath.Base(path)
	return base != "name" && base != "type" && base != "label"
}

// file is an attribute that fails as its tree demands.
type file struct {
	sysfs.File
	tree  *Tree
	value bool
}

func (f *file) ReadAt(p []byte, off int64) (int, error) {
	if f.value {
		if err := f.tree.read(); err != nil {
			return 0, err
		}
	}
	return f.File.ReadAt(p, off)
}

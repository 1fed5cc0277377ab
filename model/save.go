package model

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Encode returns the model's file. Whoever writes it must replace an old file
// atomically: a power cut must not leave half a model.
func (m *Model) Encode() ([]byte, error) {
	if m.p.Reference != Int8 {
		return nil, fmt.Errorf("encode model %s: it was made for measurements", m.p.Version)
	}
	return encode(&m.p)
}

// Save writes the model's file so that path holds either what it held before or
// the whole model, also after a power cut: a temporary file in the same folder,
// fsync, rename, fsync of the folder. The file is readable by its owner's group.
func (m *Model) Save(path string) error {
	raw, err := m.Encode()
	if err != nil {
		return fmt.Errorf("saving model %s: %w", path, err)
	}
	root, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("saving model %s: %w", path, err)
	}
	defer root.Close()
	if err := replace(root, filepath.Base(path), raw); err != nil {
		return fmt.Errorf("saving model %s: %w", path, err)
	}
	return nil
}

// replace puts data in place of the named file of root.
func replace(root *os.Root, name string, data []byte) error {
	if st, err := root.Stat(name); err == nil && !st.Mode().IsRegular() {
		return errors.New("not a regular file: a device or folder is not replaced")
	}
	tmp := "." + name + ".new"
	// A leftover of a crash is nobody's work.
	if err := root.Remove(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := writeSync(root, tmp, data); err != nil {
		return errors.Join(err, dropFile(root, tmp))
	}
	if err := root.Rename(tmp, name); err != nil {
		return errors.Join(err, dropFile(root, tmp))
	}
	dir, err := root.Open(".")
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// writeSync creates the named file with data and waits until the disk has it.
func writeSync(root *os.Root, name string, data []byte) error {
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
	if err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		return errors.Join(err, f.Close())
	}
	return errors.Join(f.Sync(), f.Close())
}

func dropFile(root *os.Root, name string) error {
	if err := root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

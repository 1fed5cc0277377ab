package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"iot-edge-anomaly/agent/diskwait"
	"iot-edge-anomaly/model"
)

// Ext is the file name's ending of a model.
const Ext = ".safetensors"

const currentLink = "current"

// ErrNone tells that there is no model yet.
var ErrNone = errors.New("no model")

// Models is the place where one machine's models live. It is used by one
// goroutine.
type Models struct {
	dir   string // empty: a single file
	file  string
	trust *Trust // nil = all models are used
}

// OpenModels takes the configured path: a file when it ends in Ext or names an
// existing regular file, else a folder, which need not exist yet.
func OpenModels(path string) *Models {
	if st, err := os.Stat(path); strings.HasSuffix(path, Ext) || (err == nil && st.Mode().IsRegular()) {
		return &Models{file: path}
	}
	return &Models{dir: path}
}

// Writable tells whether models may be added: a single file belongs to
// somebody else.
func (s *Models) Writable() bool { return s.dir != "" }

// Active loads the active model and checks that it can judge rows of the schema, if
// need be without some of its channels: Match tells. In a folder a version that
// cannot be used is passed over for the newest that can, and the error tells why. It
// wraps model.ErrSchema, ErrVersion, ErrFormat or ErrCorrupt, and ErrNone where there
// is nothing to load. With a model the error is a warning.
func (s *Models) Active(want model.Schema) (*model.Model, error) {
	if s.file != "" {
		return s.load(s.file, want)
	}
	var errs []error
	for _, name := range s.candidates() {
		m, err := s.load(filepath.Join(s.dir, name), want)
		if err == nil {
			return m, errors.Join(errs...)
		}
		if errors.Is(err, ErrNone) {
			err = fmt.Errorf("%s: the link current points to %s, which is not there: %w", s.dir, name, model.ErrCorrupt)
		}
		errs = append(errs, err)
	}
	if _, err := os.ReadDir(s.dir); errors.Is(err, fs.ErrPermission) {
		errs = append(errs, err)
	}
	if len(errs) == 0 {
		errs = append(errs, fmt.Errorf("%s: %w", s.dir, ErrNone))
	}
	return nil, errors.Join(errs...)
}

func (s *Models) load(path string, want model.Schema) (*model.Model, error) {
	m, err := model.Load(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", path, ErrNone)
	}
	if err != nil {
		return nil, err
	}
	if _, err := m.Usable(want); err != nil {
		return nil, fmt.Errorf("model %s: %w", path, err)
	}
	if err := s.trusted(path, m); err != nil {
		return nil, err
	}
	return m, nil
}

// candidates are the versions to try: the current one, the previous one, then the others
// from the newest to the oldest by name.
func (s *Models) candidates() []string {
	var names []string
	if name := s.Current(); name != "" {
		names = append(names, name)
		if v := s.Previous(); v != "" && v+Ext != name && exists(filepath.Join(s.dir, v+Ext)) {
			names = append(names, v+Ext)
		}
	}
	for _, v := range slices.Backward(s.Versions()) {
		if !slices.Contains(names, v+Ext) {
			names = append(names, v+Ext)
		}
	}
	return names
}

// Versions lists the versions in the folder, oldest first.
func (s *Models) Versions() []string {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil
	}
	var out []string
	for _, e := range entries {
		if v, ok := strings.CutSuffix(e.Name(), Ext); ok && e.Type().IsRegular() {
			out = append(out, v)
		}
	}
	slices.Sort(out)
	return out
}

// Unused is the version, or the next one of its moment that is not in the folder:
// "…Z-1", "…Z-2" and so on.
func (s *Models) Unused(version string) string {
	have := s.Versions()
	base := strings.TrimSuffix(version, "-1")
	for n := 1; slices.Contains(have, version); n++ {
		version = fmt.Sprintf("%s-%d", base, n)
	}
	return version
}

// Add writes a new model, loads it back, which replays its golden vectors from
// the bytes on disk, and makes it the active one. The model returned is the one
// that was loaded back.
func (s *Models) Add(m *model.Model, want model.Schema) (*model.Model, error) {
	op := diskwait.Begin()
	out, err := s.add(m, want)
	op.End()
	return out, err
}

func (s *Models) add(m *model.Model, want model.Schema) (*model.Model, error) {
	if !s.Writable() {
		return nil, fmt.Errorf("add model to %s: a single file is not written by the agent", s.file)
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return nil, fmt.Errorf("add model: %w", err)
	}
	unlock, err := s.lock()
	if err != nil {
		return nil, fmt.Errorf("add model: %w", err)
	}
	defer unlock()
	name, err := FileName(m.Version())
	if err != nil {
		return nil, fmt.Errorf("add model: %w", err)
	}
	path := filepath.Join(s.dir, name)
	if err := SaveModel(path, m); err != nil {
		return nil, fmt.Errorf("add model: %w", err)
	}
	loaded, err := model.Load(path)
	if err == nil {
		err = loaded.CheckSchema(want)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("add model: %w", err), os.Remove(path))
	}
	return loaded, s.switchTo(Entry{What: Learnt, Version: m.Version(), SHA256: loaded.SHA256(), By: "the machine"})
}

// Addable tells why Add would fail, as far as that shows without writing.
func (s *Models) Addable() error {
	for dir := s.dir; ; dir = filepath.Dir(dir) {
		st, err := os.Stat(dir)
		switch {
		case errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR):
			if dir != filepath.Dir(dir) {
				continue
			}
			return err
		case err != nil:
			return err
		case !st.IsDir():
			return fmt.Errorf("%s is a file", dir)
		}
		if err := syscall.Access(dir, accessWrite); err != nil {
			return fmt.Errorf("write to %s: %w", dir, err)
		}
		return nil
	}
}

const accessWrite = 2 // W_OK, access(2)

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// SaveModel writes the model's file as WriteFile does. Whoever may enter its folder can read
// it: root learns a model that the agent's user is to use.
func SaveModel(path string, m *model.Model) error {
	raw, err := m.Encode()
	if err != nil {
		return err
	}
	return WriteFile(path, raw, 0o644)
}

// Current is the file name of the active version; empty where the link does not say it.
func (s *Models) Current() string {
	target, err := os.Readlink(filepath.Join(s.dir, currentLink))
	if err != nil || s.file != "" {
		return ""
	}
	return filepath.Base(target)
}

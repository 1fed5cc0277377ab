package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"iot-edge-anomaly/agent/diskwait"
	"iot-edge-anomaly/agent/lock"
	"iot-edge-anomaly/agent/minisign"
	"iot-edge-anomaly/model"
)

const (
	previousLink = "previous"
	historyMost  = 200     // entries that are kept
	historyMax   = 1 << 20 // bytes; more is damage
)

// HistoryFile is the file of the changes, in a folder of models.
const HistoryFile = "history.json"

// atStep is called between the steps that change a folder, so that a test can end the
// process there.
var atStep = func() {}

// What an Entry tells.
const (
	Learnt    = "learnt"
	Installed = "installed"
	Activated = "activated"
	Back      = "rolled back"
)

// How a probation ended.
const (
	Kept     = "kept"     // nothing spoke against the model
	Breached = "breached" // the one before it was taken again
	Replaced = "replaced" // another model came first
)

// Entry is one change of the active model.
type Entry struct {
	Time       time.Time `json:"time"` // by the wall clock, set or not
	What       string    `json:"what"`
	Version    string    `json:"version"`
	SHA256     string    `json:"sha256"`
	From       string    `json:"from,omitempty"` // the version before it; empty = none
	By         string    `json:"by"`
	Note       string    `json:"note,omitempty"`
	ProbationS float64   `json:"probation_s,omitempty"` // how long the machine was to run with it on trial
	Outcome    string    `json:"outcome,omitempty"`     // of the probation; empty = none, or it goes on
	Why        string    `json:"why,omitempty"`         // of a rollback by the program itself
}

// OnProbation tells whether the entry's model is on trial.
func (e *Entry) OnProbation() bool { return e.ProbationS > 0 && e.Outcome == "" }

// History lists the changes, oldest first. One that cannot be read is empty: it decides
// nothing but whose models were learnt here.
func (s *Models) History() (out []Entry) {
	if s.dir == "" {
		return nil
	}
	b, err := ReadFile(filepath.Join(s.dir, HistoryFile), historyMax)
	if err == nil {
		out, err = parseHistory(b)
	}
	if err != nil {
		return nil
	}
	return out
}

func parseHistory(b []byte) (out []Entry, err error) {
	if err = json.Unmarshal(b, &out); err != nil {
		return nil, err
	}
	return out[max(0, len(out)-historyMost):], nil
}

// note adds an entry to the history; the probation of the one before ends with it.
func (s *Models) note(e Entry) error {
	h := s.History()
	if n := len(h); n > 0 && h[n-1].OnProbation() {
		h[n-1].Outcome = Replaced
		if e.What == Back && e.Why != "" {
			h[n-1].Outcome = Breached
		}
	}
	return s.writeHistory(append(h, e))
}

func (s *Models) writeHistory(h []Entry) error {
	for len(h) > historyMost {
		i := slices.IndexFunc(h, func(e Entry) bool { return e.What != Learnt || e.Version != s.version() })
		h = slices.Delete(h, max(i, 0), max(i, 0)+1)
	}
	b, err := json.MarshalIndent(h, "", " ")
	if err != nil {
		return err
	}
	return WriteFile(filepath.Join(s.dir, HistoryFile), append(b, '\n'), 0o640)
}

// Passed ends the probation of the active version: it is kept.
func (s *Models) Passed() error {
	unlock, err := s.lock()
	if err != nil {
		return err
	}
	defer unlock()
	h := s.History()
	if n := len(h); n > 0 && h[n-1].OnProbation() {
		h[n-1].Outcome = Kept
		return s.writeHistory(h)
	}
	return nil
}

// Probation is the newest entry, where its model is active and on trial; else nil.
func (s *Models) Probation() *Entry {
	h := s.History()
	if n := len(h); n > 0 && h[n-1].OnProbation() && h[n-1].Version == s.version() {
		return &h[n-1]
	}
	return nil
}

// Dir is the folder of versions; empty for a single file.
func (s *Models) Dir() string { return s.dir }

// version is the active one; empty = the link does not say it.
func (s *Models) version() string { return strings.TrimSuffix(s.Current(), Ext) }

// Previous is the version that a rollback makes active; empty = none.
func (s *Models) Previous() string {
	target, err := os.Readlink(filepath.Join(s.dir, previousLink))
	if s.file != "" {
		return ""
	}
	if v := strings.TrimSuffix(filepath.Base(target), Ext); err == nil && v != s.version() {
		return v
	}
	// The version was taken back, or the power was cut in that moment: the history knows.
	for _, e := range slices.Backward(s.History()) {
		if e.Version == s.version() && e.From != "" && e.From != e.Version && e.Why == "" {
			return e.From
		}
	}
	return ""
}

// Open loads a version and checks that it may be used for rows of the schema; nil = any.
func (s *Models) Open(version string, want *model.Schema) (*model.Model, error) {
	name, err := FileName(version)
	if err != nil {
		return nil, err
	}
	return s.open(filepath.Join(s.dir, name), want)
}

func (s *Models) open(path string, want *model.Schema) (*model.Model, error) {
	m, err := model.Load(path)
	if err != nil {
		return nil, err
	}
	if want != nil {
		if _, err := m.Usable(*want); err != nil {
			return m, fmt.Errorf("model %s: %w", path, err)
		}
	}
	return m, s.trusted(path, m)
}

// Files are the bytes of a version and of its signature, nil if it has none.
func (s *Models) Files(version string, most int64) (raw, sig []byte, err error) {
	name, err := FileName(version)
	if err != nil {
		return nil, nil, err
	}
	path := filepath.Join(s.dir, name)
	if raw, err = ReadFile(path, most); errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("%s: there is no version %s; model list shows those there are", s.dir, version)
	} else if err != nil {
		return nil, nil, err
	}
	sig, err = ReadFile(path+SignatureExt, minisign.MaxSignature)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return raw, sig, err
}

// FileName is the name of a version's file. A version that any file system and tool
// cannot take as part of a name is an error; colons are left out.
func FileName(version string) (string, error) {
	const most = 100
	v := strings.ReplaceAll(version, ":", "")
	bad := strings.ContainsFunc(v, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_.+", r))
	})
	if v == "" || len(v) > most || bad || v[0] == '.' || v[0] == '-' || v == currentLink || v == previousLink {
		return "", fmt.Errorf("version %q is no file name: want 1 to %d letters, digits and - _ . +", version, most)
	}
	return v + Ext, nil
}

// Put stores a model that somebody brings, with its signature, and does not activate it.
// It returns the version's name in the folder.
func (s *Models) Put(m *model.Model, raw, sig []byte) (version string, err error) {
	if !s.Writable() {
		return "", fmt.Errorf("%s: model.path is a single file, which the agent does not write: name a folder", s.file)
	}
	op := diskwait.Begin()
	defer op.End()
	name, err := FileName(m.Version())
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return "", err
	}
	unlock, err := s.lock()
	if err != nil {
		return "", err
	}
	defer unlock()
	path := filepath.Join(s.dir, name)
	old, err := model.Load(path)
	switch {
	case err == nil && old.SHA256() != m.SHA256():
		return "", fmt.Errorf("there is another model of version %s: learn it again, for a version is the moment of learning", m.Version())
	case err == nil && len(sig) == 0:
		return strings.TrimSuffix(name, Ext), nil
	}
	// The signature first: a whole model must not stand there without it.
	if atStep(); len(sig) > 0 {
		if err := WriteFile(path+SignatureExt, sig, 0o640); err != nil {
			return "", err
		}
	}
	if atStep(); old == nil {
		if err := WriteFile(path, raw, 0o640); err != nil {
			return "", err
		}
	}
	atStep()
	return strings.TrimSuffix(name, Ext), nil
}

// Activate makes a version the active one, and the active one the previous one. The file
// must be there and whole: see Open. One that is taken back (Why) is no previous one. Each step is atomic, and the last one counts.
func (s *Models) Activate(e Entry) error {
	op := diskwait.Begin()
	defer op.End()
	unlock, err := s.lock()
	if err != nil {
		return err
	}
	defer unlock()
	return s.switchTo(e)
}

func (s *Models) switchTo(e Entry) error {
	name, err := FileName(e.Version)
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(s.dir, name)); err != nil {
		return err
	}
	e.Version = strings.TrimSuffix(name, Ext)
	now := s.Current()
	if now != "" && now != name {
		e.From = strings.TrimSuffix(now, Ext)
	}
	if e.Time.IsZero() {
		e.Time = time.Now().UTC().Truncate(time.Second)
	}
	// The history first: where the disk is full, nothing has changed then. An entry whose
	// version is not active was interrupted, and decides nothing.
	before := s.History()
	atStep()
	if err := s.note(e); err != nil {
		return fmt.Errorf("activate model: %w", err)
	}
	if atStep(); e.From != "" && e.Why == "" && exists(filepath.Join(s.dir, now)) {
		err = s.link(previousLink, now)
	}
	if atStep(); err == nil {
		err = s.link(currentLink, name)
	}
	atStep()
	if err != nil {
		return errors.Join(fmt.Errorf("activate model: %w", err), s.writeHistory(before))
	}
	return nil
}

// link points a link at a file of the folder: one rename.
func (s *Models) link(link, name string) error {
	tmp := filepath.Join(s.dir, ".link.tmp") // of each link: the next activation replaces what a kill has left
	if err := os.Remove(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Symlink(name, tmp); err != nil {
		return err
	}
	atStep()
	if err := os.Rename(tmp, filepath.Join(s.dir, link)); err != nil {
		return err
	}
	root, err := os.OpenRoot(s.dir)
	if err != nil {
		return err
	}
	return errors.Join(syncFolder(root), root.Close())
}

// lock keeps others, in this process or another, from changing the folder until unlock.
func (s *Models) lock() (unlock func(), err error) {
	held, err := lock.Wait(s.dir)
	if err != nil {
		return nil, err
	}
	return func() { held.Close() }, nil // nothing was written to it
}

// Version is one model of a folder.
type Version struct {
	Version string    `json:"version"`
	Use     string    `json:"use,omitempty"`  // current or previous
	Origin  string    `json:"origin"`         // learnt, installed or unknown
	Since   time.Time `json:"since,omitzero"` // that it is there
	SHA256  string    `json:"sha256,omitempty"`
	Bytes   int64     `json:"bytes"`
	Error   string    `json:"error,omitempty"` // why it cannot be used

	Schema   *model.Schema   `json:"schema,omitempty"` // as the model says it
	Training *model.Training `json:"training,omitempty"`
}

// List reads all versions, oldest first, for rows of the schema; nil = any.
func (s *Models) List(want *model.Schema) []Version {
	out, previous, history := []Version{}, s.Previous(), s.History()
	names := s.Versions()
	if s.file != "" {
		names = []string{strings.TrimSuffix(filepath.Base(s.file), Ext)}
	}
	for _, name := range names {
		v := Version{Version: name, Origin: "unknown", Bytes: -1}
		path := filepath.Join(s.dir, name+Ext)
		switch {
		case s.file != "":
			v.Origin, v.Use, path = "file", "current", s.file
		case name == s.version():
			v.Use = "current"
		case name == previous:
			v.Use = "previous"
		}
		for _, e := range history {
			if e.Version == name && (e.What == Learnt || e.What == Installed) {
				v.Origin, v.Since = e.What, e.Time
			}
		}
		if st, err := os.Stat(path); err == nil {
			v.Bytes = st.Size()
		}
		m, err := s.open(path, want)
		if err != nil {
			v.Error = strings.ReplaceAll(err.Error(), "\n", "; ")
		}
		if m != nil {
			schema, training := m.Schema(), m.Parameters().Training
			v.SHA256, v.Schema, v.Training = m.SHA256(), &schema, &training
		}
		out = append(out, v)
	}
	return out
}

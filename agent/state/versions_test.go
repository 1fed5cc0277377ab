package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"iot-edge-anomaly/model"
)

// raw is a model's file.
func raw(t testing.TB, m *model.Model) []byte {
	t.Helper()
	b, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// put stores a version and makes it current.
func put(t *testing.T, s *Models, version string, e Entry) {
	t.Helper()
	m := learnt(t, version)
	v, err := s.Put(m, raw(t, m), nil)
	if err != nil {
		t.Fatal(err)
	}
	e.Version, e.SHA256 = v, m.SHA256()
	if err := s.Activate(e); err != nil {
		t.Fatal(err)
	}
}

func TestVersionsComeAndGo(t *testing.T) {
	s := OpenModels(filepath.Join(t.TempDir(), "models"))
	if s.Previous() != "" || s.Probation() != nil || len(s.List(nil)) != 0 {
		t.Error("something in a folder that is not there")
	}
	put(t, s, "2026-01-01T00:00:00Z-1", Entry{What: Installed, By: "alice"}) // as earlier versions named them
	put(t, s, "b", Entry{What: Installed, By: "bob", Note: "n", ProbationS: 60})
	if s.version() != "b" || s.Previous() != "2026-01-01T000000Z-1" {
		t.Errorf("current %s, previous %s", s.version(), s.Previous())
	}
	if p := s.Probation(); p == nil || p.Version != "b" || p.From != "2026-01-01T000000Z-1" {
		t.Errorf("on probation: %+v", p)
	}
	if err := s.Passed(); err != nil || s.Probation() != nil {
		t.Errorf("still on probation: %+v, %v", s.Probation(), err)
	}
	put(t, s, "c", Entry{What: Installed, ProbationS: 60})
	if err := s.Activate(Entry{What: Back, Version: "b", Why: "bad"}); err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, e := range s.History() {
		told = append(told, strings.TrimSpace(e.What+" "+e.Version+" "+e.Outcome))
	}
	if got, want := strings.Join(told, ", "), "installed 2026-01-01T000000Z-1, installed b kept, installed c breached, rolled back b"; got != want {
		t.Errorf("history: %s\nwant %s", got, want)
	}
	var uses []string
	for _, v := range s.List(nil) {
		uses = append(uses, v.Version+" "+v.Use+" "+v.Origin)
	}
	if got, want := strings.Join(uses, ", "), "2026-01-01T000000Z-1 previous installed, b current installed, c  installed"; got != want {
		t.Errorf("list: %s\nwant %s", got, want)
	}
	if err := s.Activate(Entry{Version: "gone"}); !errors.Is(err, fs.ErrNotExist) || s.version() != "b" {
		t.Errorf("a version that is not there: %v, current %s", err, s.version())
	}
	other := learnt(t, "x")
	p := other.Parameters()
	p.Version = "b"
	p.Training.Seed++
	other, err := model.New(p)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Put(other, raw(t, other), nil); err == nil || !strings.Contains(err.Error(), "another model of version b") {
		t.Errorf("another model of the same version: %v", err)
	}
	// The current one is damaged: the previous one is taken before newer ones.
	put(t, s, "a0", Entry{What: Installed})
	if err := os.Truncate(filepath.Join(s.dir, "a0"+Ext), 900); err != nil {
		t.Fatal(err)
	}
	if m, err := s.Active(schema("a", "b")); m == nil || m.Version() != "b" || !errors.Is(err, model.ErrCorrupt) {
		t.Errorf("with a damaged current version: %v, %v", m, err)
	}
}

func TestFileName(t *testing.T) {
	for version, want := range map[string]string{"20261120T100000Z-1": "20261120T100000Z-1", "2026-01-01T00:00:00Z-1": "2026-01-01T000000Z-1", "pump_1.v2+x": "pump_1.v2+x"} {
		if got, err := FileName(version); err != nil || got != want+Ext {
			t.Errorf("%s: %s, %v", version, got, err)
		}
	}
	for _, bad := range []string{"", ":", "..", ".x", "-x", "a/b", "a b", "a\nb", "ä", "current", "previous", strings.Repeat("x", 101), "../../etc/passwd"} {
		if got, err := FileName(bad); err == nil {
			t.Errorf("%q is %s", bad, got)
		}
	}
}

// TestTrust: with keys, what is neither signed nor learnt here is not used, however it
// came.
func TestTrust(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "models")
	s := OpenModels(dir)
	if _, err := s.Add(learnt(t, "own"), schema("a", "b")); err != nil {
		t.Fatal(err)
	}
	put(t, s, "foreign", Entry{What: Installed})
	signed := &Trust{Local: true, Signed: true}
	if m, err := OpenModels(dir).Demand(signed).Active(schema("a", "b")); m == nil || m.Version() != "own" || !errors.Is(err, ErrTrust) {
		t.Errorf("with keys: %v, %v; want what was learnt here", m, err)
	}
	if m, err := OpenModels(dir).Demand(&Trust{Signed: true}).Active(schema("a", "b")); m != nil || !errors.Is(err, ErrTrust) {
		t.Errorf("with keys and without local: %v, %v", m, err)
	}
	if m, err := OpenModels(dir).Demand(&Trust{}).Active(schema("a", "b")); m == nil || m.Version() != "foreign" {
		t.Errorf("without local: %v, %v", m, err)
	}
	if m, err := OpenModels(filepath.Join(dir, "foreign"+Ext)).Demand(signed).Active(schema("a", "b")); m != nil || !errors.Is(err, ErrTrust) {
		t.Errorf("a file: %v, %v", m, err)
	}
	if tr := LoadTrust(true, []string{filepath.Join(dir, "none.pub")}); tr.Err == nil || len(tr.Keys) != 0 || !tr.Signed {
		t.Errorf("a key that is not there: %+v", tr)
	}
}

// TestActivateTogether: activations of several processes or goroutines leave one of them
// current, and each in the history.
func TestActivateTogether(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "models")
	s := OpenModels(dir)
	names := []string{"a", "b", "c", "d"}
	for _, v := range names {
		put(t, s, v, Entry{What: Installed})
	}
	var work sync.WaitGroup
	for _, v := range names {
		work.Go(func() {
			for range 10 {
				if err := OpenModels(dir).Activate(Entry{What: Activated, Version: v}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	work.Wait()
	if !slices.Contains(names, s.version()) || len(s.History()) != 44 {
		t.Errorf("current %s, %d entries", s.version(), len(s.History()))
	}
}

// The child of TestKilled ends itself by SIGKILL at the step that these say.
const (
	killDir = "EDGE_KILL_DIR"
	killAt  = "EDGE_KILL_AT"
)

// TestKilledChild is the child of TestKilled.
func TestKilledChild(t *testing.T) {
	dir := os.Getenv(killDir)
	if dir == "" {
		t.Skip("the child of TestKilled")
	}
	left, _ := strconv.Atoi(os.Getenv(killAt))
	atStep = func() {
		if left--; left < 0 {
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	}
	s := OpenModels(dir)
	m, err := model.Load(filepath.Join(filepath.Dir(dir), "new"))
	if err != nil {
		t.Fatal(err)
	}
	v, err := s.Put(m, raw(t, m), []byte("a signature\n"))
	if err == nil {
		err = s.Activate(Entry{What: Installed, Version: v, SHA256: m.SHA256(), ProbationS: 60})
	}
	if err == nil {
		err = s.Activate(Entry{What: Back, Version: s.Previous()})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestKilled: whoever is killed at any step of install and rollback leaves the old or the
// new version current, each whole; what comes next works, and nothing else is left.
func TestKilled(t *testing.T) {
	times := 1
	if os.Getenv("EDGE_LONG") != "" {
		times = 50
	}
	top := t.TempDir()
	old, next := learnt(t, "old"), learnt(t, "new")
	if err := os.WriteFile(filepath.Join(top, "new"), raw(t, next), 0o600); err != nil {
		t.Fatal(err)
	}
	steps := 0
	for round := range times {
		for steps = 0; ; steps++ {
			dir := filepath.Join(top, fmt.Sprint("models", round, "-", steps))
			s := OpenModels(dir)
			if _, err := s.Add(old, schema("a", "b")); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(os.Args[0], "-test.run=^TestKilledChild$")
			cmd.Env = append(os.Environ(), killDir+"="+dir, fmt.Sprint(killAt, "=", steps))
			out, err := cmd.CombinedOutput()
			killed := err != nil
			if ws, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); killed && (!ok || ws.Signal() != syscall.SIGKILL) {
				t.Fatalf("step %d: %v\n%s", steps, err, out)
			}
			s = OpenModels(dir)
			m, err := s.Active(schema("a", "b"))
			if err != nil || m.SHA256() != old.SHA256() && m.SHA256() != next.SHA256() {
				t.Fatalf("step %d: active is %v, %v", steps, m, err)
			}
			if b, err := os.ReadFile(filepath.Join(dir, HistoryFile)); err != nil {
				t.Fatalf("step %d: %v", steps, err)
			} else if _, err := parseHistory(b); err != nil {
				t.Fatalf("step %d: history: %v", steps, err)
			}
			if p := s.Probation(); p != nil && p.Version != s.version() {
				t.Errorf("step %d: %s is current, and %s on probation", steps, s.version(), p.Version)
			}
			// Somebody installs again.
			v, err := s.Put(next, raw(t, next), []byte("a signature\n"))
			if err == nil {
				err = s.Activate(Entry{What: Installed, Version: v})
			}
			if err != nil || s.version() != "new" || s.Previous() != "old" {
				t.Fatalf("step %d, afterwards: %v, current %s, previous %s", steps, err, s.version(), s.Previous())
			}
			entries, _ := os.ReadDir(dir)
			for _, e := range entries {
				if strings.HasPrefix(e.Name(), ".") {
					t.Errorf("step %d: %s is left", steps, e.Name())
				}
			}
			if !killed {
				break
			}
		}
	}
	if steps < 14 {
		t.Errorf("%d steps only", steps)
	}
	t.Logf("%d steps, %d times each", steps, times)
}

func FuzzParseHistory(f *testing.F) {
	f.Add([]byte(`[{"time":"2026-11-20T10:00:00Z","what":"learnt","version":"a","sha256":"00","by":"x","probation_s":60}]`))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := parseHistory(b)
		if err == nil && len(h) > historyMost {
			t.Fatal(len(h))
		}
		for _, e := range h {
			e.OnProbation()
		}
	})
}

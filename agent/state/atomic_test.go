package state

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func names(t *testing.T, dir string) (out []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "model")
	// What a crash may have left: a torn temporary file, an older one in its place.
	for name, text := range map[string]string{".model.new": "torn", "model": "old"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := WriteFile(path, []byte("new"), 0o640); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != "new" {
		t.Errorf("holds %q, %v", got, err)
	}
	if got := names(t, dir); len(got) != 1 {
		t.Errorf("files %v, want the one alone", got)
	}
	if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o640 {
		t.Errorf("mode %v, %v", st.Mode(), err)
	}
}

func TestCreate_untilCommit(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "page.html")
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, commit := range []bool{false, true} {
		f, err := Create(path, 0o644)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString(strings.Repeat("new", 100_000)); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != "old" {
			t.Errorf("before its end the file holds %d bytes, %v", len(got), err)
		}
		want := "old"
		if commit {
			err, want = f.Commit(), strings.Repeat("new", 100_000)
		} else {
			err = f.Drop()
		}
		if err != nil {
			t.Error(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != want {
			t.Errorf("commit %v: holds %d bytes, %v", commit, len(got), err)
		}
		if got := names(t, dir); len(got) != 1 {
			t.Errorf("commit %v: files %v, want the one alone", commit, got)
		}
	}
}

func TestCreate_refuses(t *testing.T) {
	dir := t.TempDir()
	if _, err := Create(filepath.Join(dir, "absent", "model"), 0o600); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("in an absent folder: %v", err)
	}
	if _, err := Create(dir, 0o600); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("in place of a folder: %v", err)
	}
	if _, err := Create("/dev/null", 0o600); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("in place of a device: %v", err)
	}
	if got := names(t, dir); len(got) != 0 {
		t.Errorf("left behind: %v", got)
	}
}

func TestReadFile_bound(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, make([]byte, 100), 0o600); err != nil {
		t.Fatal(err)
	}
	if b, err := ReadFile(path, 100); err != nil || len(b) != 100 {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	if _, err := ReadFile(path, 99); err == nil || !strings.Contains(err.Error(), "more than 99 bytes") {
		t.Errorf("beyond the bound: %v", err)
	}
}

// TestReadFile_pipe: a pipe in the place of a file is an error, not an endless wait.
func TestReadFile_pipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadFile(path, 100); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("%v, want it refused", err)
	}
	if r, err := OpenRowLog(RowLogOptions{Path: path, Channels: 1, Want: 100}); err == nil || r.Have() != 0 {
		t.Errorf("learning rows of a pipe: %v", err)
	}
}

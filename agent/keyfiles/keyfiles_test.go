package keyfiles

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

// TestLook: files are read once after each change of any kind, and again and again while
// they cannot be used.
func TestLook(t *testing.T) {
	dir := t.TempDir()
	key, cert := filepath.Join(dir, "key"), filepath.Join(dir, "cert")
	write(t, key, "1", 0o600)
	for _, version := range []string{"a", "b"} {
		write(t, filepath.Join(dir, version), version, 0o600)
	}
	if err := os.Symlink("a", cert); err != nil {
		t.Fatal(err)
	}
	reads := 0
	got := ""
	f := New(func() error {
		reads++
		k, kerr := os.ReadFile(key)
		c, cerr := os.ReadFile(cert)
		if err := errors.Join(kerr, cerr); err != nil {
			return err
		}
		if string(k) == "bad" {
			return errors.New("they do not\nfit")
		}
		got = string(k) + string(c)
		return nil
	}, []string{key, ""}, []string{cert})
	if f.Err() != nil || f.Changes() != 0 {
		t.Error("something is said of files that were never read")
	}
	for _, tc := range []struct {
		name    string
		do      func() error
		want    string
		changes uint64
		trouble string
	}{
		{"first", func() error { return nil }, "1a", 1, ""},
		{"written", func() error { write(t, key, "22", 0o600); return nil }, "22a", 2, ""},
		{"a link moved", func() error { return errors.Join(os.Remove(cert), os.Symlink("b", cert)) }, "22b", 3, ""},
		{"half", func() error { write(t, key, "bad", 0o600); return nil }, "22b", 3, "they do not; fit"},
		{"gone", func() error { return os.Remove(key) }, "22b", 3, "no such file"},
		{"back", func() error { write(t, key, "3", 0o600); return nil }, "3b", 4, ""},
		{"replaced by one of the same size and time", func() error {
			st, err := os.Stat(key)
			if err != nil {
				return err
			}
			write(t, key+".new", "4", 0o600)
			return errors.Join(os.Chtimes(key+".new", st.ModTime(), st.ModTime()), os.Rename(key+".new", key))
		}, "4b", 5, ""},
	} {
		if err := tc.do(); err != nil {
			t.Fatal(err)
		}
		before := reads
		if !f.Look() || reads != before+1 {
			t.Errorf("%s: not read", tc.name)
		}
		if again := f.Look(); again != (tc.trouble != "") {
			t.Errorf("%s: read again: %v", tc.name, again)
		}
		if line := Line(f.Err()); got != tc.want || f.Changes() != tc.changes || (line == "") != (tc.trouble == "") || !strings.Contains(line, tc.trouble) {
			t.Errorf("%s: %q, %d changes, trouble %q; want %q, %d, %q", tc.name, got, f.Changes(), line, tc.want, tc.changes, tc.trouble)
		}
	}
	if f.Loose() != "" {
		t.Errorf("loose: %q", f.Loose())
	}
	if err := os.Chmod(key, 0o644); err != nil {
		t.Fatal(err)
	}
	if f.Look(); !strings.Contains(f.Loose(), "mode 0644: every user may read it") {
		t.Errorf("loose: %q", f.Loose())
	}
}

func TestLoose(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "key")
	for mode, want := range map[os.FileMode]string{0o600: "", 0o400: "", 0o640: "its group may read it", 0o660: "its group may write it", 0o604: "every user may read it", 0o666: "every user may write it"} {
		write(t, path, "x", mode)
		if got := Loose(path); (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("mode %04o: %q, want %q", mode, got, want)
		}
	}
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
	write(t, path, "x", 0o440)
	if got := Loose(path); got != "" {
		t.Errorf("a credential of systemd: %q", got)
	}
	if got := Loose(filepath.Join(dir, "none")); got != "" {
		t.Errorf("a file that is not there: %q", got)
	}
}

// TestIsCredential: also for somebody who runs check and is not the service.
func TestIsCredential(t *testing.T) {
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	for path, want := range map[string]bool{
		"/run/credentials/iot-edge-anomaly.service/cred_mqtt": true,
		"/run/credentials/../secret":                          false,
		"/run/credentials2/key":                               false,
		"/etc/iot-edge-anomaly/client.key":                    false,
		"client.key":                                          false,
	} {
		if got := IsCredential(path); got != want {
			t.Errorf("%s: %v", path, got)
		}
	}
}

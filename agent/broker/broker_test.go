package broker

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestNew(t *testing.T) {
	for url, want := range map[string]struct {
		dial string
		tls  bool
	}{
		"tcp://b":          {"b:1883", false},
		"mqtt://b:1884/":   {"b:1884", false},
		"mqtts://b":        {"b:8883", true},
		"ssl://10.0.0.1":   {"10.0.0.1:8883", true},
		"tls://[fe80::1]:": {"[fe80::1]:8883", true},
	} {
		b, err := New(Options{URL: url})
		if err != nil || b.Address() != want.dial || b.tls != want.tls {
			t.Errorf("%s: %+v, %v; want %+v", url, b, err, want)
		}
	}
}

func TestNew_refuses(t *testing.T) {
	_, err := New(Options{URL: "ws://b", Cert: "c", PasswordFile: "p"})
	if err == nil || strings.Count(err.Error(), "\n") != 2 {
		t.Errorf("want all three faults at once: %v", err)
	}
	for url, says := range map[string]string{"tcp://u:s3cret@b": "must not contain user or password", "tcp://u:s3cret@b:x": "port", "tcp://b/mqtt": "nothing may follow the port"} {
		if _, err := New(Options{URL: url}); err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v, want %q", url, err, says)
		}
	}
}

// A password comes from a file of its owner's, or from systemd, whose
// credentials others in the service's own namespace may read.
func TestPassword(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "mqtt")
	if err := os.WriteFile(name, []byte(" s3cret \r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	o := Options{PasswordFile: name}
	read := func(mode os.FileMode) (string, error) {
		if err := os.Chmod(name, mode); err != nil {
			t.Fatal(err)
		}
		return o.password()
	}
	if p, err := read(0o600); err != nil || p != " s3cret " {
		t.Errorf("%q, %v", p, err)
	}
	for _, mode := range []os.FileMode{0o640, 0o604, 0o620} {
		if p, err := read(mode); err == nil || p != "" || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("mode %v: %q, %v", mode, p, err)
		}
	}
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
	if p, err := read(0o440); err != nil || p != " s3cret " {
		t.Errorf("credential: %q, %v", p, err)
	}
	t.Setenv("CREDENTIALS_DIRECTORY", filepath.Join(dir, "other"))
	if _, err := read(0o440); err == nil {
		t.Error("a file beside the credentials passed for one")
	}
}

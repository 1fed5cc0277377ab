package broker

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
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

// authority is a certificate of some authority.
func authority(t *testing.T) string {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// TestFilesAreKept: a password or a certificate that cannot be used leaves in force what
// was read before.
func TestFilesAreKept(t *testing.T) {
	dir := t.TempDir()
	password, ca := filepath.Join(dir, "password"), filepath.Join(dir, "ca")
	put := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b, err := New(Options{URL: "mqtts://b", Username: "u", PasswordFile: password, CA: ca})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Password(); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("no password: %v", err)
	}
	if _, err := b.certificates(); err == nil || !strings.Contains(err.Error(), "reading CA") {
		t.Errorf("no CA: %v", err)
	}
	put(password, "one")
	put(ca, authority(t))
	p, err := b.Password()
	c, cerr := b.certificates()
	if err != nil || cerr != nil || p != "one" || c.ServerName != "b" || c.RootCAs == nil {
		t.Errorf("%q, %v, %v", p, err, cerr)
	}
	before := b.LookAtFiles()
	put(ca, "half a certificate")
	if err := os.Remove(password); err != nil {
		t.Fatal(err)
	}
	now := b.LookAtFiles()
	if now.Certificates != before.Certificates || now.Passwords != before.Passwords || !strings.Contains(now.Trouble, "no PEM certificate") || !strings.Contains(now.Trouble, "no such file") {
		t.Errorf("%+v after %+v: want no change, and both troubles", now, before)
	}
	p, err = b.Password()
	if still, cerr := b.certificates(); err != nil || cerr != nil || p != "one" || still != c {
		t.Errorf("%q, %v, %v: want what was read before", p, err, cerr)
	}
	put(password, "two")
	put(ca, authority(t))
	if now := b.LookAtFiles(); now.Certificates != before.Certificates+1 || now.Passwords != before.Passwords+1 || now.Trouble != "" {
		t.Errorf("%+v after %+v: want both changed", now, before)
	}
}

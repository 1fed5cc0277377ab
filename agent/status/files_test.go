package status

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// writePair writes a self-signed certificate for a name, and its key.
func writePair(t *testing.T, cert, key, name string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalECPrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	write(t, cert, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	write(t, key, string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: raw})))
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestFilesChange: a certificate and a token that are written while the server runs
// come into force; what is damaged leaves what was there before, and is told.
func TestFilesChange(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cert, key, token := filepath.Join(dir, "cert"), filepath.Join(dir, "key"), filepath.Join(dir, "token")
	var mu sync.Mutex
	var log strings.Builder
	s := NewServer(ServerOptions{Listen: "127.0.0.1:0", TLSCert: cert, TLSKey: key, TokenFile: token, Collect: good, Metrics: NewMetrics(), Log: slog.New(slog.NewTextHandler(locked{&mu, &log}, nil))})
	run(t, s)
	eventually := func(what string, ok func() bool) {
		t.Helper()
		for end := time.Now().Add(time.Minute); !ok(); time.Sleep(20 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("in vain: %s; trouble %q", what, s.Trouble())
			}
		}
	}
	eventually("no certificate is told", func() bool { return strings.Contains(s.Trouble(), "certificate") })
	writePair(t, cert, key, "first")
	at := address(t, s)
	if s.Expires().IsZero() {
		t.Error("nobody knows when the certificate expires")
	}
	name := func() string {
		c, err := tls.Dial("tcp", at, &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			return err.Error()
		}
		defer c.Close()
		return c.ConnectionState().PeerCertificates[0].Subject.CommonName
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}, Timeout: 5 * time.Second}
	code := func(path, token string) int {
		req, err := http.NewRequest("GET", "https://"+at+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		r, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		return r.StatusCode
	}
	if got := name(); got != "first" || !strings.Contains(s.Trouble(), "token") {
		t.Errorf("certificate of %q, trouble %q; want that of the first, and the token missed", got, s.Trouble())
	}
	for path, want := range map[string]int{"/health": 401, "/health/live": 200, "/health/ready": 200} {
		if got := code(path, ""); got != want {
			t.Errorf("%s without a token that could be read: %d, want %d", path, got, want)
		}
	}
	write(t, token, "one")
	eventually("the token is taken", func() bool { return code("/health", "one") == 200 && s.Trouble() == "" })
	writePair(t, cert, key, "second")
	write(t, token, "two")
	eventually("the renewed files are taken", func() bool {
		return name() == "second" && code("/health", "two") == 200 && code("/health", "one") == 401
	})
	write(t, cert, "damaged")
	write(t, token, "")
	eventually("the damage is told", func() bool {
		return strings.Contains(s.Trouble(), "certificate") && strings.Contains(s.Trouble(), "empty")
	})
	write(t, token, "two\nlines")
	eventually("a token that nobody can send is told", func() bool { return strings.Contains(s.Trouble(), "more than one line") })
	if got := name(); got != "second" || code("/health", "two") != 200 {
		t.Errorf("certificate of %q, want what was in force before the damage", got)
	}
	write(t, token, "two")
	writePair(t, cert, filepath.Join(dir, "other"), "third") // the half of a renewal
	eventually("a pair that does not fit is told", func() bool { return strings.Contains(s.Trouble(), "private key does not match") })
	if got := name(); got != "second" || !s.BadFiles() {
		t.Errorf("certificate of %q, bad files %v; want the pair that fitted", got, s.BadFiles())
	}
	if err := os.Remove(cert); err != nil {
		t.Fatal(err)
	}
	eventually("a file that is gone is told", func() bool { return strings.Contains(s.Trouble(), "no such file") && name() == "second" })
	writePair(t, cert, key, "fourth")
	eventually("the whole renewal is taken", func() bool { return name() == "fourth" && s.Trouble() == "" && !s.BadFiles() })
	if err := os.Chmod(key, 0o666); err != nil {
		t.Fatal(err)
	}
	eventually("a key that all may write is told", func() bool { return strings.Contains(s.Trouble(), "0666: every user may write it") })
	if err := os.Chmod(key, 0o640); err != nil {
		t.Fatal(err)
	}
	eventually("the group's access is in the log only", func() bool { return s.Trouble() == "" && name() == "fourth" })
	mu.Lock()
	defer mu.Unlock()
	for text, want := range map[string]int{"private key does not match": 1, "in order again": 2, "every user may write it": 1, "its group may read it": 1} {
		if n := strings.Count(log.String(), text); n < want || n > want+2 { // a half that is read while it is written may be told too
			t.Errorf("%q is logged %d times, want %d:\n%s", text, n, want, &log)
		}
	}
}

// locked is a writer for several goroutines.
type locked struct {
	mu *sync.Mutex
	w  io.Writer
}

func (l locked) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

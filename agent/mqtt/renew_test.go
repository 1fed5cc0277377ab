package mqtt

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestRenew: a changed password is noticed, a connection that works is kept until
// Renew, and nothing is lost by it.
func TestRenew(t *testing.T) {
	t.Parallel()
	m := newMosquitto(t)
	l := listen(t, m)
	q := mustSpool(t)
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := mustNew(t, Options{Broker: "tcp://" + m.addr, Username: "gw7", PasswordFile: password}, q)
	if c.FilesChanged() {
		t.Error("files have changed before they were read")
	}
	run(t, c)
	eventually(t, 20*time.Second, "a connection", c.Connected)
	appendN(t, q, 5)
	if err := os.WriteFile(password, []byte("newer"), 0o600); err != nil {
		t.Fatal(err)
	}
	if !c.FilesChanged() || c.Stats().Connects != 1 {
		t.Errorf("changed %v, %d connections; want a change seen and the connection kept", c.FilesChanged(), c.Stats().Connects)
	}
	c.Renew()
	eventually(t, 20*time.Second, "a second connection", func() bool { return c.Stats().Connects == 2 })
	if c.FilesChanged() {
		t.Error("the files were not read again")
	}
	appendN(t, q, 5)
	eventually(t, 20*time.Second, "all messages", func() bool { return len(firsts(l.on(eventTopic))) == 10 })
	wantNumbers(t, firsts(l.on(eventTopic)), 10)
}

// TestRetry: a client that waits for hours tries at once.
func TestRetry(t *testing.T) {
	c := mustNew(t, Options{Broker: "tcp://127.0.0.1:1"}, mustSpool(t))
	done := make(chan struct{})
	go func() { c.pause(t.Context(), time.Hour); close(done) }()
	c.Retry()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Error("it still waits")
	}
}

// TestCertificatesChanged: half of a renewal leaves the connection and the pair that
// fits in use, with a broker that wants a certificate; the whole is taken.
func TestCertificatesChanged(t *testing.T) {
	t.Parallel()
	dir := openDir(t)
	a := newAuthority(t, dir, "ca")
	for _, name := range []string{"broker", "gw7", "next"} {
		a.issue(name, -time.Hour, time.Hour)
	}
	file := func(name string) string { return filepath.Join(dir, name) }
	move := func(from, to string) {
		t.Helper()
		b, err := os.ReadFile(file(from))
		if err != nil {
			t.Fatal(err)
		}
		a.write(to+".new", b, 0o600)
		if err := os.Rename(file(to+".new"), file(to)); err != nil {
			t.Fatal(err)
		}
	}
	m := newMosquitto(t, "allow_anonymous true", "cafile "+file("ca.crt"), "certfile "+file("broker.crt"), "keyfile "+file("broker.key"), "require_certificate true")
	c := mustNew(t, Options{Broker: "mqtts://" + m.addr, CA: file("ca.crt"), Cert: file("gw7.crt"), Key: file("gw7.key")}, mustSpool(t))
	run(t, c)
	eventually(t, 20*time.Second, "a connection", c.Connected)
	if c.CertificatesChanged() || c.Stats().Files != "" {
		t.Errorf("changed before anything has: %q", c.Stats().Files)
	}
	move("next.crt", "gw7.crt")
	if c.CertificatesChanged() || !strings.Contains(c.Stats().Files, "does not match") {
		t.Errorf("half a renewal passes for a whole one, or is not told: %q", c.Stats().Files)
	}
	c.Renew()
	eventually(t, 20*time.Second, "a connection with the pair before", func() bool { return c.Connected() && c.Stats().Connects == 2 })
	move("next.key", "gw7.key")
	if !c.CertificatesChanged() || !c.FilesChanged() || c.Stats().Files != "" {
		t.Errorf("a whole renewal is not seen: %q", c.Stats().Files)
	}
	c.Renew()
	eventually(t, 20*time.Second, "a connection with the new pair", func() bool { return c.Connected() && c.Stats().Connects == 3 })
	if c.CertificatesChanged() {
		t.Error("the new pair counts as changed although it is in use")
	}
}

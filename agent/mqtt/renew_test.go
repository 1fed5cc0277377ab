package mqtt

import (
	"os"
	"path/filepath"
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

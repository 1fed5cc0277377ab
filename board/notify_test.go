package board

import (
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"
)

func TestNotify(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	t.Setenv("NOTIFY_SOCKET", path)
	buf := make([]byte, 1024)
	for _, c := range []struct {
		send func() error
		want string
	}{
		{Ready, `^READY=1$`},
		{func() error { return Status("learning:\n42 %\n") }, `^STATUS=learning: 42 %$`},
		{Reloading, `^RELOADING=1\nMONOTONIC_USEC=[1-9][0-9]*$`},
		{Stopping, `^STOPPING=1$`},
		{Watchdog, `^WATCHDOG=1$`},
	} {
		if err := c.send(); err != nil {
			t.Fatal(err)
		}
		if err := l.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		n, err := l.Read(buf)
		if err != nil || !regexp.MustCompile(c.want).Match(buf[:n]) {
			t.Errorf("got %q %v, want %s", buf[:n], err, c.want)
		}
	}
}

func TestNotify_nobody(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	if err := Ready(); err != nil {
		t.Error(err)
	}
	t.Setenv("NOTIFY_SOCKET", filepath.Join(t.TempDir(), "absent"))
	if err := Ready(); err == nil {
		t.Error("no error for a socket that is absent")
	}
}

func TestWatchdogInterval(t *testing.T) {
	for _, c := range []struct {
		usec, pid string
		want      time.Duration
		fails     bool
	}{
		{"", "", 0, false}, {"30000000", "", 30 * time.Second, false},
		{"30000000", strconv.Itoa(os.Getpid()), 30 * time.Second, false}, {"30000000", "1", 0, false},
		{"soon", "", 0, true}, {"-1", "", 0, true},
	} {
		t.Setenv("WATCHDOG_USEC", c.usec)
		t.Setenv("WATCHDOG_PID", c.pid)
		if got, err := WatchdogInterval(); got != c.want || (err != nil) != c.fails {
			t.Errorf("%+v: got %v %v", c, got, err)
		}
	}
}

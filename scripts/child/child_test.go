package child

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The whole process group ends, not only its first process.
func TestEnd(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	p, err := Start(io.Discard, "sh", "-c", "sleep 1000 & echo $! >"+file+"; wait")
	if err != nil {
		t.Fatal(err)
	}
	var sleeper string
	within(t, "the second process", func() bool {
		text, _ := os.ReadFile(file)
		sleeper = strings.TrimSpace(string(text))
		return sleeper != ""
	})
	if !p.Running() {
		t.Error("it does not run")
	}
	p.End(syscall.SIGTERM)
	p.End(syscall.SIGTERM) // a second time does nothing
	if p.Running() || p.Err() == nil {
		t.Errorf("running %v, ended with %v", p.Running(), p.Err())
	}
	within(t, "the end of the second process", func() bool {
		text, err := os.ReadFile("/proc/" + sleeper + "/stat")
		return err != nil || strings.Contains(string(text), ") Z ") // nobody may have waited for it yet
	})
}

func within(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within 30 s", what)
		}
	}
}

func TestStart_missing(t *testing.T) {
	if _, err := Start(io.Discard, "/nowhere/program"); err == nil || !strings.HasPrefix(err.Error(), "starting program: ") {
		t.Error(err)
	}
	if (*Process)(nil).Running() {
		t.Error("what never ran runs")
	}
}

func TestFind(t *testing.T) {
	if p, err := Find("sh", "dash"); err != nil || !filepath.IsAbs(p) {
		t.Error(p, err)
	}
	if _, err := Find("no-such-program", "its-package"); err == nil || !strings.Contains(err.Error(), "scripts/setup.sh its-package") {
		t.Error(err)
	}
}

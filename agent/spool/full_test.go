package spool

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

const tmpfsEnv = "SPOOL_TEST_TMPFS"

// A file system of 4 MiB is really full: no crash, memory bounded, everything
// on the disk within five seconds of there being room, counted exactly. The
// test runs itself again in a mount namespace of its own.
func TestDisk_reallyFull(t *testing.T) {
	if dir := os.Getenv(tmpfsEnv); dir != "" {
		if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=4m"); err != nil {
			t.Fatal(err)
		}
		synctest.Test(t, func(t *testing.T) { fillUp(t, dir) }) // the five seconds are the queue's, not the machine's
		return
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.run=^TestDisk_reallyFull$", "-test.v")
	cmd.Env = append(os.Environ(), tmpfsEnv+"="+t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Skipf("no namespaces here, the injected fault of TestDisk_fails must do: %v", err)
	}
	if bytes.Contains(out, []byte("operation not permitted")) {
		t.Skipf("no mounts here, the injected fault of TestDisk_fails must do:\n%s", out)
	}
	if err != nil || !bytes.Contains(out, []byte("--- PASS")) {
		t.Fatalf("%v\n%s", err, out)
	}
}

func fillUp(t *testing.T, dir string) {
	q, err := Open(filepath.Join(dir, "spool"), Options{Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	filler := filepath.Join(dir, "filler")
	write(t, filler, make([]byte, 3700<<10))
	accepted, volatile := 0, 0
	for volatile < maxWaiting+200 {
		switch err := put(q, nil, message); {
		case err == nil && volatile == 0:
			accepted++
		case errors.Is(err, syscall.ENOSPC) && errors.Is(err, ErrVolatile):
			volatile++
		default:
			t.Fatalf("after %d accepted and %d volatile: %v", accepted, volatile, err)
		}
	}
	if accepted < 100 {
		t.Fatalf("only %d accepted in 300 KiB", accepted)
	}
	if s := q.Stats(); s.Dropped != 200 || s.Volatile != maxWaiting || s.Appended != uint64(accepted) {
		t.Fatalf("%+v", s)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	for q.Stats().Volatile > 0 {
		if time.Since(start) > 5*time.Second {
			t.Fatalf("still in memory after 5 s: %+v", q.Stats())
		}
		time.Sleep(10 * time.Millisecond)
	}
	want := allBut(accepted)
	for id := accepted + 200 + 1; id <= accepted+volatile; id++ {
		want = append(want, uint64(id))
	}
	if got := drain(t, q); !slices.Equal(got, want) {
		t.Fatalf("%d delivered, want %d", len(got), len(want))
	}
	if s := q.Stats(); s.Dropped != 200 || s.Messages != len(want) {
		t.Fatalf("%+v", s)
	}
}

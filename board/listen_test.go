package board

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// A listener hears every byte, and neither it nor the kernel sends one, even
// when a bug would.
func TestListenSerial(t *testing.T) {
	master, slave, err := pty.Open()
	if err != nil {
		t.Skip("no pseudo terminal: ", err)
	}
	defer master.Close()
	port, err := ListenSerial(slave.Name(), 19200, "even", 1)
	if err != nil {
		t.Fatal(err)
	}
	defer port.Close()
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	if _, err := master.Write(all); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(all))
	port.SetReadDeadline(time.Now().Add(time.Minute))
	if _, err := io.ReadFull(port, got); err != nil || !bytes.Equal(got, all) {
		t.Errorf("heard % x, %v", got, err)
	}
	if n, err := port.f.Write([]byte("x")); n != 0 || !errors.Is(err, unix.EBADF) {
		t.Errorf("writing: %d, %v, want EBADF", n, err)
	}
	fds := []unix.PollFd{{Fd: int32(master.Fd()), Events: unix.POLLIN}}
	if n, err := unix.Poll(fds, 50); n != 0 || err != nil {
		t.Errorf("the line got bytes: %d %v", n, err)
	}
	// An empty line is no error and no end: the read waits.
	port.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	if n, err := port.Read(got); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%d, %v", n, err)
	}
}

func TestListenSerial_errors(t *testing.T) {
	for path, want := range map[string]string{
		"/dev/ttyNotThere": "not plugged in? use a name below /dev/serial/by-id",
		os.DevNull:         "(ENOTTY): not a serial port",
	} {
		if _, err := ListenSerial(path, 9600, "", 1); err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if _, err := ListenSerial("/dev/ttyS0", 9601, "", 1); err == nil {
		t.Error("9601 baud")
	}
}

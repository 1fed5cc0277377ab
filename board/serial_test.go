package board

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// line is a pseudo terminal: what is written to the master arrives at the
// serial line and the other way round.
func line(t *testing.T) (*os.File, *Serial) {
	t.Helper()
	master, slave, err := pty.Open()
	if err != nil {
		t.Skip("no pseudo terminal: ", err)
	}
	t.Cleanup(func() { master.Close() })
	s, err := OpenSerial(slave.Name(), 19200, "even", 1)
	if err != nil {
		t.Fatal(err)
	}
	slave.Close()
	t.Cleanup(func() { s.Close() })
	return master, s
}

// Every byte passes in both directions as it is.
func TestSerial_raw(t *testing.T) {
	master, s := line(t)
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	for _, way := range []struct {
		name string
		to   io.Writer
		from io.Reader
	}{{"in", master, s}, {"out", s, master}} {
		if _, err := way.to.Write(all); err != nil {
			t.Fatal(way.name, err)
		}
		got := make([]byte, len(all))
		s.SetDeadline(time.Now().Add(time.Minute))
		if _, err := io.ReadFull(way.from, got); err != nil || !bytes.Equal(got, all) {
			t.Errorf("%s: %v % x", way.name, err, got)
		}
	}
}

func TestSerial_deadline(t *testing.T) {
	_, s := line(t)
	s.SetReadDeadline(time.Now().Add(30 * time.Millisecond))
	begin := time.Now()
	n, err := s.Read(make([]byte, 1))
	if n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(begin) > 5*time.Second {
		t.Errorf("%d %v after %v", n, err, time.Since(begin))
	}
}

func TestSerial_discard(t *testing.T) {
	master, s := line(t)
	if _, err := master.Write([]byte("stale")); err != nil {
		t.Fatal(err)
	}
	come := func(fd uintptr) error {
		_, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 60_000)
		return err
	}
	if err := s.control(come); err != nil {
		t.Fatal(err)
	}
	if err := s.Discard(); err != nil {
		t.Fatal(err)
	}
	if _, err := master.Write([]byte("new")); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 10)
	s.SetReadDeadline(time.Now().Add(time.Minute))
	if n, err := s.Read(got); err != nil || string(got[:n]) != "new" {
		t.Errorf("%q %v", got[:n], err)
	}
}

// A line has one user, whoever it is: root may open what TIOCEXCL closes to others.
func TestSerial_oneUser(t *testing.T) {
	_, s := line(t)
	path := s.f.Name()
	const want = ": another program has it open"
	if _, err := OpenSerial(path, 9600, "none", 2); err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("second master: %v, want %s", err, want)
	}
	if _, err := ListenSerial(path, 9600, "none", 2); err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("listener beside a master: %v, want %s", err, want)
	}
	var child int // that is being made, and has the line open for a moment
	if err := s.control(func(fd uintptr) (err error) { child, err = unix.Dup(int(fd)); return err }); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(child)
	s.Close()
	again, err := ListenSerial(path, 19200, "even", 1)
	if err != nil {
		t.Fatal("free again: ", err)
	}
	again.Close()
}

// An unplugged adapter ends a read at once, and Close a blocked one.
func TestSerial_hangUp(t *testing.T) {
	master, s := line(t)
	failed := make(chan error)
	read := func() { _, err := s.Read(make([]byte, 1)); failed <- err }
	go read()
	master.Close()
	for range 3 {
		select {
		case err := <-failed:
			if !errors.Is(err, io.EOF) && !errors.Is(err, unix.EIO) {
				t.Errorf("got %v", err)
			}
		case <-time.After(time.Minute):
			t.Fatal("blocked")
		}
		go read()
	}
	<-failed
	_, open := line(t)
	go func() { _, err := open.Read(make([]byte, 1)); failed <- err }()
	time.Sleep(10 * time.Millisecond)
	open.Close()
	select {
	case err := <-failed:
		if !errors.Is(err, os.ErrClosed) {
			t.Errorf("got %v", err)
		}
	case <-time.After(time.Minute):
		t.Fatal("blocked")
	}
}

func TestSerialMode(t *testing.T) {
	for _, c := range []struct {
		baud   int
		parity string
		stop   int
		cflag  uint32 // besides CS8, CREAD, CLOCAL
	}{
		{19200, "even", 1, unix.B19200 | unix.PARENB}, {9600, "", 2, unix.B9600 | unix.CSTOPB},
		{115200, "none", 1, unix.B115200}, {38400, "odd", 1, unix.B38400 | unix.PARENB | unix.PARODD},
	} {
		m, err := serialMode(c.baud, c.parity, c.stop)
		if err != nil || m.Cflag != c.cflag|unix.CS8|unix.CREAD|unix.CLOCAL || m.Lflag != 0 || m.Oflag != 0 || m.Cc[unix.VMIN] != 1 {
			t.Errorf("%+v: %+v %v", c, m, err)
		}
	}
}

func TestOpenSerial_errors(t *testing.T) {
	absent := filepath.Join(t.TempDir(), "ttyUSB0")
	for _, c := range []struct {
		path   string
		baud   int
		parity string
		stop   int
		want   string
	}{
		{absent, 9600, "", 1, "no such file or directory (ENOENT): not plugged in? use a name below /dev/serial/by-id"},
		{os.DevNull, 9600, "", 1, "claim: inappropriate ioctl for device (ENOTTY): not a serial port"},
		{absent, 9601, "", 1, "baud rate 9601, want a standard one from 1200 to 1000000"},
		{absent, 9600, "mark", 1, `parity "mark", want none, even or odd`},
		{absent, 9600, "", 3, "3 stop bits, want 1 or 2"},
	} {
		_, err := OpenSerial(c.path, c.baud, c.parity, c.stop)
		if err == nil || !strings.HasPrefix(err.Error(), "open "+c.path+": ") || !strings.HasSuffix(err.Error(), c.want) {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
}

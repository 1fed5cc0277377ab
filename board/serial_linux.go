package board

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Serial is an open serial line in raw mode: bytes pass unchanged in both directions.
// It is safe for one reader and one writer at a time. Use OpenSerial.
type Serial struct {
	f *os.File
}

// bauds lists the speeds of termios.
var bauds = map[int]uint32{
	1200: unix.B1200, 2400: unix.B2400, 4800: unix.B4800, 9600: unix.B9600, 19200: unix.B19200, 38400: unix.B38400,
	57600: unix.B57600, 115200: unix.B115200, 230400: unix.B230400, 460800: unix.B460800, 500000: unix.B500000,
	921600: unix.B921600, 1000000: unix.B1000000,
}

// OpenSerial opens the line at path exclusively for this process: 8 data bits, a
// parity of "none" (also ""), "even" or "odd", 1 or 2 stop bits. An error says what
// to do about it.
func OpenSerial(path string, baud int, parity string, stopBits int) (*Serial, error) {
	mode, err := serialMode(baud, parity, stopBits)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	// O_NONBLOCK: do not wait for a carrier, and let the runtime poll.
	fd, err := retry(func() (int, error) {
		return unix.Open(path, unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return nil, fmt.Errorf("open %s: %w%s%s", path, err, code(err), serialHint(err))
	}
	for _, step := range []struct {
		what string
		do   func() error
	}{
		{"claim", func() error { return claim(fd) }},
		{"set mode", func() error { return unix.IoctlSetTermios(fd, unix.TCSETS, mode) }},
		{"discard old bytes", func() error { return unix.IoctlSetInt(fd, unix.TCFLSH, unix.TCIOFLUSH) }},
	} {
		if err := step.do(); err != nil {
			return nil, errors.Join(fmt.Errorf("open %s: %s: %w%s%s", path, step.what, err, code(err), serialHint(err)), unix.Close(fd))
		}
	}
	return &Serial{f: os.NewFile(uintptr(fd), path)}, nil
}

// claim locks the line for this process: two masters would damage each other's
// frames, and two listeners would share the bytes. TIOCEXCL refuses later opens by
// anybody but root. The lock also stops root, if its program takes the same lock.
func claim(fd int) error {
	if err := unix.IoctlSetInt(fd, unix.TIOCEXCL, 0); err != nil {
		return err
	}
	err := unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB)
	if err == unix.EWOULDBLOCK {
		return unix.EBUSY // the error that open returns because of TIOCEXCL
	}
	return err
}

// serialMode is raw mode; a read returns as soon as there is one byte.
func serialMode(baud int, parity string, stopBits int) (*unix.Termios, error) {
	speed, ok := bauds[baud]
	if !ok {
		return nil, fmt.Errorf("baud rate %d, want a standard one from 1200 to 1000000", baud)
	}
	t := &unix.Termios{Iflag: unix.IGNBRK, Cflag: unix.CS8 | unix.CREAD | unix.CLOCAL | speed, Ispeed: speed, Ospeed: speed}
	switch parity {
	case "", "none":
	case "even":
		t.Cflag |= unix.PARENB
		t.Iflag |= unix.INPCK | unix.IGNPAR
	case "odd":
		t.Cflag |= unix.PARENB | unix.PARODD
		t.Iflag |= unix.INPCK | unix.IGNPAR
	default:
		return nil, fmt.Errorf("parity %q, want none, even or odd", parity)
	}
	switch stopBits {
	case 1:
	case 2:
		t.Cflag |= unix.CSTOPB
	default:
		return nil, fmt.Errorf("%d stop bits, want 1 or 2", stopBits)
	}
	t.Cc[unix.VMIN] = 1 // with 0, a read of an idle line would return 0 bytes, as at its end
	return t, nil
}

func serialHint(err error) string {
	switch {
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		return ": add the user to group dialout"
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENODEV), errors.Is(err, unix.ENXIO):
		return ": not plugged in? use a name below /dev/serial/by-id"
	case errors.Is(err, unix.EBUSY):
		return ": another program has it open"
	case errors.Is(err, unix.ENOTTY):
		return ": not a serial port"
	}
	return ""
}

// Read reads the received bytes and waits for at least one. A line that was hung up,
// for example because its adapter was unplugged, returns io.EOF or EIO at once.
func (s *Serial) Read(b []byte) (int, error) { return s.f.Read(b) }

// Write writes all of b.
func (s *Serial) Write(b []byte) (int, error) { return s.f.Write(b) }

// SetReadDeadline makes reads that have not ended by t fail with
// os.ErrDeadlineExceeded; zero = never.
func (s *Serial) SetReadDeadline(t time.Time) error { return s.f.SetReadDeadline(t) }

// SetWriteDeadline is SetReadDeadline for writes.
func (s *Serial) SetWriteDeadline(t time.Time) error { return s.f.SetWriteDeadline(t) }

// SetDeadline sets both deadlines.
func (s *Serial) SetDeadline(t time.Time) error { return s.f.SetDeadline(t) }

// Discard discards bytes that were received but not read.
func (s *Serial) Discard() error {
	err := s.control(func(fd uintptr) error { return unix.IoctlSetInt(int(fd), unix.TCFLSH, unix.TCIFLUSH) })
	if err != nil {
		return fmt.Errorf("discard input of %s: %w", s.f.Name(), err)
	}
	return nil
}

// SyscallConn returns access to the file descriptor, for reads that do not wait.
func (s *Serial) SyscallConn() (syscall.RawConn, error) { return s.f.SyscallConn() }

// Close gives the line up, and ends a blocked Read or Write. To close the file would not
// be enough: a child that is being made at that moment has it open too until it runs its
// own program.
func (s *Serial) Close() error {
	_ = s.control(func(fd uintptr) error { // a device that is gone is nobody's
		return errors.Join(unix.Flock(int(fd), unix.LOCK_UN), unix.IoctlSetInt(int(fd), unix.TIOCNXCL, 0))
	})
	return s.f.Close()
}

package board

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// SerialListener is a serial line that is open for reading only: it has no Write, and
// the kernel would refuse one. It is safe for one reader.
type SerialListener struct {
	f *os.File
}

// ListenSerial opens the line at path for reading, exclusively for this process. The
// parameters are those of OpenSerial. A byte with wrong parity reads as 0 and is not
// left out, so that noise stays visible.
//
// The kernel raises RTS and DTR whenever a port is opened. An adapter that switches
// its driver by RTS would then drive the line, so RTS is lowered at once. DTR stays
// raised, because it powers some adapters.
func ListenSerial(path string, baud int, parity string, stopBits int) (*SerialListener, error) {
	mode, err := serialMode(baud, parity, stopBits)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	mode.Iflag &^= unix.IGNPAR
	fd, err := retry(func() (int, error) {
		return unix.Open(path, unix.O_RDONLY|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return nil, fmt.Errorf("open %s: %w%s%s", path, err, code(err), serialHint(err))
	}
	// Set raw mode as early as possible: until then the kernel echoes what it receives.
	err = claim(fd)
	if err == nil {
		err = unix.IoctlSetTermios(fd, unix.TCSETS, mode)
	}
	if err == nil {
		err = ignoreUnsupported(unix.IoctlSetPointerInt(fd, unix.TIOCMBIC, unix.TIOCM_RTS))
	}
	if err == nil {
		err = unix.IoctlSetInt(fd, unix.TCFLSH, unix.TCIFLUSH)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w%s%s", path, err, code(err), serialHint(err)), unix.Close(fd))
	}
	return &SerialListener{f: os.NewFile(uintptr(fd), path)}, nil
}

// ignoreUnsupported ignores the errors of ports without modem signals.
func ignoreUnsupported(err error) error {
	if errors.Is(err, unix.ENOTTY) || errors.Is(err, unix.EINVAL) {
		return nil
	}
	return err
}

// Read reads the received bytes and waits for at least one. A line that was hung up
// returns io.EOF or EIO at once.
func (s *SerialListener) Read(b []byte) (int, error) { return s.f.Read(b) }

// SetReadDeadline makes reads that have not ended by t fail with
// os.ErrDeadlineExceeded; zero = never.
func (s *SerialListener) SetReadDeadline(t time.Time) error { return s.f.SetReadDeadline(t) }

// Close closes the line and ends a blocked Read.
func (s *SerialListener) Close() error { return s.f.Close() }

package board

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// SerialEar is a serial line that is open for listening only: there is nothing
// to write with, and the kernel would refuse it. It is safe for one reader.
type SerialEar struct {
	f *os.File
}

// ListenSerial opens the line at path for this process alone, for reading. The
// parameters are those of OpenSerial. A byte of wrong parity reads as 0 and is
// not left out, so that noise stays visible.
//
// Opening raises RTS and DTR, whoever opens and whatever for. An adapter that
// switches its driver by RTS would hold the line, so RTS is taken back at once;
// DTR stays, for it feeds some adapters.
func ListenSerial(path string, baud int, parity string, stopBits int) (*SerialEar, error) {
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
	// Raw as soon as the line is ours: until then the kernel echoes what comes in.
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
	return &SerialEar{f: os.NewFile(uintptr(fd), path)}, nil
}

// ignoreUnsupported forgives lines that have no modem signals.
func ignoreUnsupported(err error) error {
	if errors.Is(err, unix.ENOTTY) || errors.Is(err, unix.EINVAL) {
		return nil
	}
	return err
}

// Read reads what has come, at least one byte. A line that was hung up gives
// io.EOF or EIO at once.
func (s *SerialEar) Read(b []byte) (int, error) { return s.f.Read(b) }

// SetReadDeadline makes reads that have not ended by t fail with
// os.ErrDeadlineExceeded; zero = never.
func (s *SerialEar) SetReadDeadline(t time.Time) error { return s.f.SetReadDeadline(t) }

// Close closes the line and ends a blocked Read.
func (s *SerialEar) Close() error { return s.f.Close() }

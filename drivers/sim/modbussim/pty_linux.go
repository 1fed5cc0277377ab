package modbussim

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// PTY is a pseudo terminal in raw mode that simulates a serial line. It is the
// plant's end: what is written to it arrives at the port named Path. Closing it
// unplugs the port.
type PTY struct {
	*os.File
	Path string

	port *os.File // kept open, because the plant's end reads EIO while the port is closed
}

// OpenPTY makes a pseudo terminal.
func OpenPTY() (*PTY, error) {
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open /dev/ptmx: %w", err)
	}
	p := &PTY{File: os.NewFile(uintptr(fd), "/dev/ptmx")}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("unlock /dev/ptmx: %w", err), p.File.Close())
	}
	p.Path = filepath.Join("/dev/pts", fmt.Sprint(n))
	port, err := unix.Open(p.Path, unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", p.Path, err), p.File.Close())
	}
	p.port = os.NewFile(uintptr(port), p.Path)
	raw := &unix.Termios{Cflag: unix.CS8 | unix.CREAD | unix.CLOCAL | unix.B115200, Ispeed: unix.B115200, Ospeed: unix.B115200}
	raw.Cc[unix.VMIN] = 1
	if err := unix.IoctlSetTermios(port, unix.TCSETS, raw); err != nil {
		return nil, errors.Join(fmt.Errorf("set mode of %s: %w", p.Path, err), p.Close())
	}
	return p, nil
}

// Close unplugs the port: whoever has it open gets a hang-up.
func (p *PTY) Close() error { return errors.Join(p.File.Close(), p.port.Close()) }

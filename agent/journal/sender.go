package journal

import (
	"errors"
	"sync"
	"syscall"
	"time"
)

// patience is how long a line waits for a journal that is busy, and how long it takes to
// hold that it takes nothing. systemd lets 512 entries wait.
const patience = 100 * time.Millisecond

// errFull says that journald is there and takes nothing.
var errFull = errors.New("the journal takes nothing")

// sender sends datagrams to a path. It is safe for concurrent use.
type sender struct {
	path string

	mu   sync.Mutex
	fd   int  // -1: none yet
	full bool // the last entry was not taken: the next does not wait
}

// send sends an entry, and waits for at most patience.
func (s *sender) send(b []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fd < 0 {
		fd, err := open()
		if err != nil {
			return err
		}
		s.fd = fd
	}
	flags := syscall.MSG_NOSIGNAL
	if s.full {
		flags |= syscall.MSG_DONTWAIT
	}
	end := time.Now().Add(patience)
	for {
		err := syscall.Sendto(s.fd, b, flags, &syscall.SockaddrUnix{Name: s.path})
		if err == syscall.EINTR && time.Now().Before(end) {
			continue
		}
		s.full = err == syscall.EAGAIN || err == syscall.EINTR
		if s.full {
			return errFull
		}
		return err
	}
}

func open() (int, error) {
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	wait := syscall.NsecToTimeval(patience.Nanoseconds())
	if err := syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, syscall.SO_SNDTIMEO, &wait); err != nil {
		syscall.Close(fd)
		return -1, err
	}
	return fd, nil
}

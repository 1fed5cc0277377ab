// Package lock keeps what is one agent's from another: the state folder, the queue, the
// socket. A lock is on the folder or file itself (flock(2)), so it needs no write: what
// lies on a card that has become read-only can still be locked. A crash leaves nothing.
package lock

import (
	"errors"
	"os"
	"syscall"
)

// ErrInUse tells that another process, or this one, holds the lock.
var ErrInUse = errors.New("in use by another iot-edge-anomaly")

// Held is a locked file or folder.
type Held struct{ f *os.File }

// Folder locks a folder until Close.
func Folder(path string) (*Held, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	return take(f, syscall.LOCK_NB)
}

// Wait locks a folder until Close, when those that hold it have given it up.
func Wait(path string) (*Held, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	return take(f, 0)
}

// File locks a file until Close, and makes it if it is not there.
func File(path string) (*Held, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	return take(f, syscall.LOCK_NB)
}

func take(f *os.File, how int) (*Held, error) {
	err := error(syscall.EINTR)
	for err == syscall.EINTR {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|how)
	}
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = ErrInUse
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &Held{f}, nil
}

// Stat describes what is locked.
func (h *Held) Stat() (os.FileInfo, error) { return h.f.Stat() }

// Close gives the lock up. To close the file would not be enough: a child that is being
// made at that moment has it open too until it runs its own program. A nil lock may be
// closed.
func (h *Held) Close() error {
	if h == nil {
		return nil
	}
	return errors.Join(syscall.Flock(int(h.f.Fd()), syscall.LOCK_UN), h.f.Close())
}

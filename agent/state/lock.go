package state

import (
	"errors"
	"os"
	"syscall"
)

// ErrInUse tells that another process has locked a folder.
var ErrInUse = errors.New("in use by another iot-edge-anomaly")

// Held is a locked folder.
type Held struct{ *os.File }

// Close unlocks the folder. To close the file would not be enough: a child that is being
// made at that moment has it open too, flock(2), until it runs its own program.
func (h *Held) Close() error {
	if h == nil {
		return nil
	}
	return errors.Join(syscall.Flock(int(h.Fd()), syscall.LOCK_UN), h.File.Close())
}

// Lock locks a folder for this process until it is closed, so that two agents never
// write the same files. The lock is on the folder itself: it needs no write, and a crash
// leaves nothing behind.
func Lock(folder string) (*Held, error) {
	d, err := os.Open(folder)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(d.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = ErrInUse
	}
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return &Held{d}, nil
}

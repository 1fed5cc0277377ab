package state

import (
	"errors"
	"os"
	"syscall"
)

// ErrInUse tells that another process has locked a folder.
var ErrInUse = errors.New("in use by another iot-edge-anomaly")

// Lock locks a folder for this process until the file is closed, so that two agents
// never write the same files. The lock is on the folder itself: it needs no write, and
// a crash leaves nothing behind.
func Lock(folder string) (*os.File, error) {
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
	return d, nil
}

package gateway

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// lockState locks the state folder for this process until the file is closed, so
// that two agents never write the same learning rows. The lock is on the folder
// itself: it needs no write, and a crash leaves nothing behind. The file is nil if
// the folder is also the queue's, for the queue locks it.
func lockState(state, spool string) (*os.File, error) {
	if filepath.Clean(state) == filepath.Clean(spool) {
		return nil, nil
	}
	d, err := os.Open(state)
	if err != nil {
		return nil, fmt.Errorf("state folder: %w", err)
	}
	err = syscall.Flock(int(d.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = fmt.Errorf("state folder %s: in use by another iot-edge-anomaly: stop it or set another state", state)
	}
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

package gateway

import (
	"errors"
	"fmt"
	"path/filepath"

	"iot-edge-anomaly/agent/lock"
)

// lockState locks the state folder for this process until it is closed. It is
// nil if the folder is also the queue's, for the queue locks it.
func lockState(folder, spool string) (*lock.Held, error) {
	if filepath.Clean(folder) == filepath.Clean(spool) {
		return nil, nil
	}
	d, err := lock.Folder(folder)
	if errors.Is(err, lock.ErrInUse) {
		err = fmt.Errorf("%s: %w: stop it or set another state", folder, err)
	}
	if err != nil {
		return nil, fmt.Errorf("state folder: %w", err)
	}
	return d, nil
}

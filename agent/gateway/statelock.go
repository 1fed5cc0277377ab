package gateway

import (
	"errors"
	"fmt"
	"path/filepath"

	"iot-edge-anomaly/agent/state"
)

// lockState locks the state folder for this process until it is closed. It is
// nil if the folder is also the queue's, for the queue locks it.
func lockState(folder, spool string) (*state.Held, error) {
	if filepath.Clean(folder) == filepath.Clean(spool) {
		return nil, nil
	}
	d, err := state.Lock(folder)
	if errors.Is(err, state.ErrInUse) {
		err = fmt.Errorf("%s: %w: stop it or set another state", folder, err)
	}
	if err != nil {
		return nil, fmt.Errorf("state folder: %w", err)
	}
	return d, nil
}

package gateway

import (
	"encoding/json"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/spool"
)

// VerifySpool reads the queue of a configuration, changes nothing, and returns what it
// found, as JSON or for people. An agent may be at work on the queue.
func VerifySpool(c *config.Config, asJSON bool) (good bool, text string, err error) {
	v, err := spool.Verify(c.Spool.Dir)
	if err != nil {
		return false, "", err
	}
	if !asJSON {
		return v.Good(), v.Text(), nil
	}
	b, err := json.Marshal(v)
	return v.Good(), string(b) + "\n", err
}

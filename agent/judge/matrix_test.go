package judge

import (
	"slices"
	"testing"

	"iot-edge-anomaly/agent/detect"
)

// TestStates_matrix: an event of each kind puts a machine into a state that there is,
// and what is about the machine does not make it blind.
func TestStates_matrix(t *testing.T) {
	for _, r := range detect.Rules() {
		if !slices.Contains(States(), State(r.State)) || r.Plant == (State(r.State) == Blind) {
			t.Errorf("%s has the state %q", r.Kind, r.State)
		}
	}
}

package control

import (
	"strings"
	"testing"

	"iot-edge-anomaly/agent/status"
)

// TestScreen_waits: a machine that is being learnt tells its progress and what it
// waits for.
func TestScreen_waits(t *testing.T) {
	s := Status{Health: status.Health{Machines: map[string]status.MachineHealth{
		"pump1": {State: "learning", Note: "machine is not running: waiting", Learning: &status.LearningHealth{Phase: "collecting", Progress: 0.37, LeftS: 54420}},
	}}}
	if got, want := s.Screen(), "collecting, 37 %, 15.1 h left; machine is not running: waiting"; !strings.Contains(got, want) {
		t.Errorf("%s\nwant %s", got, want)
	}
	s.Machines["pump1"].Learning.Progress = 0 // until the first row after a start it is unknown
	if got, want := s.Screen(), "collecting: no row has come yet; machine is not running"; !strings.Contains(got, want) || strings.Contains(got, " 0 %") {
		t.Errorf("%s\nwant %s", got, want)
	}
}

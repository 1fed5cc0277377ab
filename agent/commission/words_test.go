package commission

import (
	"strings"
	"testing"

	"iot-edge-anomaly/agent/devices"
	"iot-edge-anomaly/agent/sampler"
	"iot-edge-anomaly/drivers/modbus"
)

// TestOneOfEach: what is printed of one is in the singular.
func TestOneOfEach(t *testing.T) {
	heard := heardText(&devices.Heard{Bus: "line", ListenStats: modbus.ListenStats{Bytes: 1, Exchanges: 1, Writes: 1, Foreign: 1, Bursts: 1}})
	if !strings.Contains(heard, "of 1 byte overheard: 1 read, 0 refused, 0 unanswered, 0 in doubt; 1 write, 1 other frame, 1 burst of noise\n") {
		t.Error(heard)
	}
	left := Recording{leftOut: []sampler.Flags{{Sensor: "pump", Quality: sampler.Stale, N: 1}}}
	if got := left.LeftOut(); got != "\n  pump: 1 value left out as stale" {
		t.Error(got)
	}
	var b strings.Builder
	s := ModbusSweep{Asked: 1, Ended: "interrupted"}
	if err := s.Print(&b, false); err != nil || !strings.HasSuffix(b.String(), "interrupted after 1 unit\n") {
		t.Errorf("%v: %s", err, &b)
	}
}

package settings

import (
	"reflect"
	"testing"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/detect"
)

// TestPolicy_default holds that the defaults in the table of keys are the alarm
// policy that applies where there is no configuration.
func TestPolicy_default(t *testing.T) {
	c, problems := config.Parse("config.yaml", []byte("sensors: [{name: a, driver: fixed}]\n"),
		map[string]config.DriverInfo{"fixed": {Channels: []config.ChannelInfo{{Name: "x", Unit: "A"}}}})
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	m := c.Machines[0]
	if got, want := Policy(m), detect.DefaultPolicy(m.Name, Schema(m).Channels); !reflect.DeepEqual(got, want) {
		t.Errorf("configured by default\n%+v, without a configuration\n%+v", got, want)
	}
}

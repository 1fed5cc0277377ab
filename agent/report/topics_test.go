package report

import "testing"

func TestTopics(t *testing.T) {
	plain, tree := Device{Device: "gw7", Topic: "plant/gw7"}, Device{Device: "gw7", Topic: "umh/v1/acme/{machine}/_anomaly"}
	for _, tc := range []struct{ got, want string }{
		{plain.GatewayTopic("status"), "plant/gw7/status"},
		{plain.EventTopic("pump1"), "plant/gw7/event"},
		{plain.EventTopic(""), "plant/gw7/event"},
		{plain.MachineTopic("pump1", "machine"), "plant/gw7/machine/pump1"},
		{plain.MachineTopic("pump1", "telemetry"), "plant/gw7/telemetry/pump1"},
		{tree.GatewayTopic("status"), "umh/v1/acme/gw7/_anomaly/status"},
		{tree.EventTopic("pump1"), "umh/v1/acme/pump1/_anomaly/event"},
		{tree.EventTopic(""), "umh/v1/acme/gw7/_anomaly/event"},
		{tree.EventTopic("+"), "umh/v1/acme/+/_anomaly/event"},
		{tree.MachineTopic("pump1", "machine"), "umh/v1/acme/pump1/_anomaly/machine"},
	} {
		if tc.got != tc.want {
			t.Errorf("%s, want %s", tc.got, tc.want)
		}
	}
}

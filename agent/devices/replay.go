package devices

import (
	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/drivers"
	"iot-edge-anomaly/drivers/replay"
)

var replayKeys = []config.Key{
	{Name: "file", Kind: config.File, Need: true, Example: "/var/tmp/week.csv",
		Help: "The recording, as `record` writes it."},
	{Name: "loop", Kind: config.Boolean, Default: "false", Example: "true",
		Help: "Whether the first row follows the last one; otherwise the sensor fails at the end."},
}

// openReplay opens a recording that plays in place of a sensor.
func openReplay(c config.Sensor, _ bus) (drivers.Sensor, error) {
	return replay.Open(config.Get[string](c.Own, "file"), c.Channels, replay.Options{Loop: config.Get[bool](c.Own, "loop"), Sensor: c.Name})
}

// listReplay reads the columns of a recording from its header.
func listReplay(c config.Sensor) (out []config.ChannelInfo, err error) {
	names, err := replay.Columns(config.Get[string](c.Own, "file"), c.Name)
	if err != nil {
		return nil, &config.Fault{Key: "file", Message: err.Error(), Hint: "name a recording that this machine can read"}
	}
	for _, n := range names {
		out = append(out, config.ChannelInfo{Name: n})
	}
	return out, nil
}

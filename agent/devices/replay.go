package devices

import (
	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/drivers"
	"iot-edge-anomaly/drivers/replay"
)

// openReplay opens a recording that plays in place of a sensor.
func openReplay(c config.Sensor, _ bus) (drivers.Sensor, error) {
	return replay.Open(c.File, c.Channels, replay.Options{Loop: c.Loop, Sensor: c.Name})
}

// listReplay reads the columns of a recording from its header.
func listReplay(c config.Sensor) ([]config.ChannelInfo, error) {
	names, err := replay.Columns(c.File, c.Name)
	if err != nil {
		return nil, err
	}
	var out []config.ChannelInfo
	for _, n := range names {
		out = append(out, config.ChannelInfo{Name: n})
	}
	return out, nil
}

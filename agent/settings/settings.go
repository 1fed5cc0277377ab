package settings

import (
	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/detect"
	"iot-edge-anomaly/model"
)

// Schema describes the rows of a machine: its channels with their units, its
// period, and when it counts as running.
func Schema(m config.Machine) model.Schema {
	s := model.Schema{Period: m.Period}
	for _, c := range m.Resolved {
		s.Channels = append(s.Channels, model.Channel{Name: c.Channel, Unit: c.Unit})
	}
	if r := m.RunWhen; r != nil {
		s.RunWhen = &model.Condition{Channel: r.Channel, Above: r.Above, Below: r.Below, Settle: r.Settle}
	}
	return s
}

// Limits are the static limits of a machine's channels.
func Limits(m config.Machine) (out []detect.Limit) {
	for i, c := range m.Resolved {
		if c.Limits != nil {
			out = append(out, detect.Limit{Channel: c.Channel, Unit: c.Unit, Index: i,
				Warn: c.Limits.Warn, Alarm: c.Limits.Alarm, WarnLow: c.Limits.WarnLow, AlarmLow: c.Limits.AlarmLow, Zones: c.Limits.Zones,
				Hold: m.Detect.Hold, Cooldown: m.Detect.Cooldown})
		}
	}
	return out
}

// Policy is a machine's alarm policy.
func Policy(m config.Machine) detect.Policy {
	d := m.Detect
	p := detect.DefaultPolicy(m.Name, Schema(m).Channels) // what cannot be configured stays
	p.Tuning, p.DriftAfter = detect.Tuning(d.Tuning), m.Drift.After
	for _, w := range d.Mute {
		p.Mute = append(p.Mute, detect.MuteWindow{From: w.From, To: w.To, Days: w.Days})
	}
	return p
}

package settings

import (
	"time"

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
				Hold:     max(m.Detect.Hold, time.Nanosecond), // 0 would be the default
				Cooldown: m.Detect.Cooldown})
		}
	}
	return out
}

// Policy is a machine's alarm policy.
func Policy(m config.Machine) detect.Options {
	d := m.Detect
	o := detect.Options{Machine: m.Name, Channels: Schema(m).Channels, N: d.N, M: d.M, CloseBelow: d.CloseBelow,
		Hold: d.Hold, Cooldown: d.Cooldown, Repeats: d.Repeats, Update: d.Update, High: d.High, Critical: d.Critical, Latch: d.Latch, Unlatch: d.UnlatchAfter}
	if o.DriftAfter = m.Drift.After; o.DriftAfter == 0 {
		o.DriftAfter = -1 // 0 would be the default
	}
	for _, w := range d.Mute {
		o.Mute = append(o.Mute, detect.MuteWindow{From: w.From, To: w.To, Days: w.Days})
	}
	return o
}

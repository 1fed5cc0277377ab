package gateway

import (
	"time"

	"iot-edge-anomaly/agent/judge"
	"iot-edge-anomaly/agent/machine"
	"iot-edge-anomaly/agent/report"
)

// publishedState is what was last published of a machine. It is compared with the
// present state, to publish changes only.
type publishedState struct {
	state   judge.State
	open    string // ids and severities of the open events
	percent int
	mute    *machine.Mute
	at      time.Time
}

// scoreEvery is how often the retained state is published if only the score has
// changed.
const scoreEvery = time.Minute

// publishStates publishes the retained state of each machine that has changed since
// before, and updates before. If before is nil, it publishes every state.
func (g *Gateway) publishStates(before map[string]publishedState) {
	if g.broker == nil {
		return
	}
	active := g.reporter.Active()
	for _, m := range g.currentPlant().units {
		s := m.Status()
		ms := report.MachineStatus{Machine: s.Name, Channels: s.Channels, State: string(s.State), Since: s.Since, Score: s.Score, Percentile: s.Percent}
		if s.Learns() {
			ms.Learning = &report.Learning{Phase: s.Learning.Phase, Progress: s.Learning.Done, Remaining: s.Learning.Remaining}
		}
		if s.Mute != nil {
			ms.MutedUntil, ms.MutedBy = s.Mute.Until, s.Mute.By
		}
		now := publishedState{state: s.State, mute: s.Mute, percent: int(100 * s.Learning.Done), at: time.Now()}
		for i := range active {
			if a := &active[i]; a.Machine == s.Name || a.Machine == "" {
				now.open += a.ID + " " + string(a.Severity) + ","
				if a.Ack != nil {
					now.open += a.Ack.By + a.Ack.Time.UTC().String() + ","
				}
			}
		}
		if last, ok := before[s.Name]; ok {
			age := now.at.Sub(last.at)
			last.at = now.at
			if last == now && age < scoreEvery {
				continue
			}
		}
		if before != nil {
			before[s.Name] = now
		}
		g.broker.SetRetained(g.device.MachineTopic(s.Name, "machine"), g.reporter.MachineState(ms))
	}
}

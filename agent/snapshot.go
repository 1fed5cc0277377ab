package main

import (
	"fmt"
	"strings"
	"time"

	"iot-edge-anomaly/agent/pipeline"
	"iot-edge-anomaly/agent/report"
	"iot-edge-anomaly/agent/status"
	"iot-edge-anomaly/agent/status/page"
	"iot-edge-anomaly/board"
)

// snapshot collects what /health, /metrics and the page show. It is called by
// every request.
func (g *gateway) snapshot() status.Snapshot {
	b := build()
	p := g.currentPlant()
	s := status.Snapshot{
		Build:  status.Build{Version: b.Version, Commit: b.Commit, Go: b.Go, Kernel: b.Kernel},
		Device: g.device.Device, Site: g.device.Site, Started: g.started, Now: time.Now(),
		ReadyAfter: time.Duration(g.ready.Load()), TimeQuality: board.Clock().String(),
		Readings: p.group.Readings(), Buses: p.group.Stats(), Modbus: p.buses.ModbusStats(), Heard: p.buses.Heard(), I2C: p.buses.I2CStats(),
		MemoryLimit: g.memoryLimit,
		Stalled:     g.stalled.Load().(string), ReloadOK: g.reloadOK.Load(), Opened: g.reporter.Opened(),
	}
	for _, m := range p.machines {
		s.Machines = append(s.Machines, m.Status())
	}
	if g.mqtt != nil {
		st := g.mqtt.Stats()
		s.Broker = &st
	}
	q := g.queue.Stats()
	s.Spool = &q
	for _, a := range g.reporter.Active() {
		s.Events = append(s.Events, openEvent(a))
	}
	return s
}

func openEvent(a report.ActiveEvent) status.OpenEvent {
	ev := page.Event{ID: a.ID, Kind: string(a.Kind), Severity: string(a.Severity), Since: a.Since,
		Score: page.Number(a.Score), Peak: page.Number(a.Peak), Percentile: page.Percentile(a.Percent), Detail: a.Reason, Causes: []page.Cause{}}
	for _, c := range a.Causes {
		ev.Causes = append(ev.Causes, page.Cause{Channel: c.Channel, Unit: c.Unit, Share: page.Number(c.Share),
			Value: page.Number(c.Value), Expected: page.Number(c.Expected), Direction: c.Direction})
	}
	return status.OpenEvent{Machine: a.Machine, Missing: a.Missing, Event: ev}
}

// summary is one line for systemctl status.
func (g *gateway) summary() string {
	var b strings.Builder
	for i, m := range g.currentPlant().machines {
		if i > 0 {
			b.WriteString(", ")
		}
		s := m.Status()
		fmt.Fprintf(&b, "%s %s", s.Name, s.State)
		if s.State == pipeline.Learning {
			fmt.Fprintf(&b, " %.0f %%", 100*s.Learning.Done)
		}
	}
	return b.String()
}

// publishedState is what was published last of a machine, to publish only what
// is new.
type publishedState struct {
	state    pipeline.State
	event    string
	severity string
	percent  int
	at       time.Time
}

// scoreEvery is how often the retained state is renewed for the score alone.
const scoreEvery = time.Minute

// publishStates renews the retained state of each machine where it says
// something new. With nil every state is published.
func (g *gateway) publishStates(before map[string]publishedState) {
	if g.mqtt == nil {
		return
	}
	active := g.reporter.Active()
	for _, m := range g.currentPlant().machines {
		s := m.Status()
		ms := report.MachineStatus{Machine: s.Name, Channels: s.Channels, State: string(s.State), Since: s.Since, Score: s.Score, Percent: s.Percent}
		if s.State == pipeline.Learning {
			ms.Learning = &report.Learning{Phase: s.Learning.Phase, Progress: s.Learning.Done, Remaining: s.Learning.Remaining}
		}
		now := publishedState{state: s.State, percent: int(100 * s.Learning.Done), at: time.Now()}
		for i := range active {
			if a := &active[i]; a.Machine == s.Name && a.Kind == "process_anomaly" {
				ms.Event, ms.Causes, ms.Since = a.ID, a.Causes, a.Since
				now.event, now.severity = a.ID, string(a.Severity)
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
		g.mqtt.SetRetained(g.device.Topic+"/machine/"+s.Name, g.reporter.MachineState(ms))
	}
}

package gateway

import (
	"fmt"
	"strings"
	"time"

	"iot-edge-anomaly/agent/detect"
	"iot-edge-anomaly/agent/diskwait"
	"iot-edge-anomaly/agent/report"
	"iot-edge-anomaly/agent/status"
	"iot-edge-anomaly/agent/status/page"
	"iot-edge-anomaly/board"
)

// Snapshot collects what /health, /metrics and the page show. Each request calls it. It
// does not wait for the disk. It is safe for concurrent use.
func (g *Gateway) Snapshot() status.Snapshot {
	p := g.currentPlant()
	spool := g.queue.Stats()
	s := status.Snapshot{
		Build: g.opts.Build, Device: g.device.Device, Site: g.device.Site, Started: g.started, Now: time.Now(),
		ReadyAfter: time.Duration(g.ready.Load()), TimeQuality: board.Clock().String(),
		Readings: p.group.Readings(), Buses: p.group.Stats(), Modbus: p.buses.ModbusStats(), Heard: p.buses.Heard(), I2C: p.buses.I2CStats(),
		Memory: status.MemoryBytes(), Inference: g.metrics.Durations(), Unauthorized: g.metrics.Unauthorized(), MemoryLimit: g.guards.limit(), Troubles: g.guards.troubles(), Collections: g.guards.collections.Load(), Shed: g.guards.shedRows.Load(), DiskWritten: g.diskWritten(), BudgetUsed: g.budgetUsed.Load().(float64), Merged: g.reporter.Merged(),
		Stalled: g.stalled.Load().(string), ReloadOK: g.inForce().Refused == "", Opened: g.reporter.Opened(), Raised: g.reporter.Raised(), ConfigSHA: g.inForce().SHA256, Alerts: alertSorts, Spool: &spool,
		Commands: g.desk.count.commands(), DiskWait: diskwait.Longest(), Host: *g.hostNow.Load(),
	}
	for _, m := range p.units {
		s.Machines = append(s.Machines, m.Status())
	}
	s.Updates = g.updates.of(p.units)
	g.mu.Lock()
	broker, endpoint, pusher := g.broker, g.endpoint, g.pusher
	g.mu.Unlock()
	if i := g.isolated.Load(); i != nil {
		s.Isolated = i.String()
	}
	if broker != nil {
		st := broker.Stats()
		s.Broker, s.Sparkplug = &st, broker.edge.stats()
	}
	if pusher != nil {
		st := pusher.Stats()
		s.Push = &st
	}
	if g.socket != nil {
		s.Control = g.socket.Trouble()
	}
	if endpoint != nil {
		s.HTTP, s.HTTPFiles = endpoint.Trouble(), endpoint.BadFiles()
	}
	s.Certificates = certificates(&s, endpoint)
	for _, a := range g.reporter.Active() {
		s.Events = append(s.Events, openEvent(a))
	}
	return s
}

// openEvent is an open event as the endpoint shows it.
func openEvent(a report.ActiveEvent) status.OpenEvent {
	ev := page.Event{ID: a.ID, Kind: string(a.Kind), Severity: string(a.Severity), Since: a.Since,
		Score: page.Number(a.Score), Peak: page.Number(a.Peak), Percentile: page.Percentile(a.Percentile), Detail: a.Reason, Causes: []page.Cause{}}
	for _, c := range a.Causes {
		cause := page.Cause{Channel: c.Channel, Unit: c.Unit, Share: page.Number(c.Share), Value: page.Number(c.Value), Direction: c.Direction}
		if reference := page.Number(c.Expected); a.Kind == detect.LimitExceeded {
			cause.Limit = reference
		} else {
			cause.Expected = reference
		}
		ev.Causes = append(ev.Causes, cause)
	}
	if a.Ack != nil {
		ev.Ack = &page.Ack{Time: a.Ack.Time, By: a.Ack.By, Note: a.Ack.Note}
	}
	return status.OpenEvent{Machine: a.Machine, Missing: a.Missing, Event: ev}
}

// summary is the states of all machines in one line, for systemctl status, after what
// somebody must mend first.
func (g *Gateway) summary() string {
	var b strings.Builder
	if refused, _, more := strings.Cut(g.inForce().Refused, "\n"); refused != "" {
		b.WriteString("reload refused: " + refused)
		if more {
			b.WriteString(" …")
		}
		b.WriteString("; ")
	}
	for i, m := range g.currentPlant().units {
		if i > 0 {
			b.WriteString(", ")
		}
		s := m.Status()
		fmt.Fprintf(&b, "%s %s", s.Name, s.State)
		if s.Learns() {
			fmt.Fprintf(&b, " %.0f %%", 100*s.Learning.Done)
		}
	}
	return b.String()
}

package gateway

import (
	"context"
	"encoding/json"
	"path/filepath"
	"time"

	"iot-edge-anomaly/agent/control"
	"iot-edge-anomaly/agent/history"
	"iot-edge-anomaly/agent/status"
	"iot-edge-anomaly/board"
)

// openDays continues the record of days.
func (g *Gateway) openDays() {
	var err error
	if g.days, err = history.Open(filepath.Join(g.cfg.State, history.Folder)); err != nil {
		g.log.Warn("what this day came to before the start is lost", "error", err)
	}
}

// keepDay takes a look for the record of days.
func (g *Gateway) keepDay(now time.Time, s *status.Snapshot) {
	if write := g.days.Look(now, s, s.TimeQuality != "unset"); write != nil {
		go func() { g.tellDays(write()) }() // it waits for the disk
	}
}

// endDays writes the day that goes on.
func (g *Gateway) endDays() {
	s := g.Snapshot()
	g.days.Look(time.Now(), &s, s.TimeQuality != "unset")
	g.tellDays(g.days.End())
}

func (g *Gateway) tellDays(err error) {
	if err != nil {
		g.log.Warn("the record of days has lost something, or waits for the disk", "error", err)
	}
}

// figures are those of a snapshot, and since when what is in force.
func (g *Gateway) figures(s *status.Snapshot) status.Figures {
	f := s.Figures()
	for name, m := range f.Models {
		m.Since = g.days.Since(history.ModelOf(name), m.SHA256)
		f.Models[name] = m
	}
	first := g.days.First()
	f.First = first.Quantiles()
	return f
}

// askHistory tells what the days since a month came to.
func (g *Gateway) askHistory(_ context.Context, r control.Request) (any, error) {
	var asked history.Ask
	if err := r.Decode(&asked); err != nil {
		return nil, err
	}
	s := g.Snapshot()
	from, to, err := asked.Bounds(s.Now)
	if err != nil {
		return nil, err
	}
	g.asking.Lock() // many who ask at once need no more memory than one
	defer g.asking.Unlock()
	out := history.Answer{Device: s.Device, Site: s.Site, Now: s.Now.UTC(), Wanted: map[string]float64{}, Live: &history.Live{Health: s.Health(), Figures: g.figures(&s)}}
	g.mu.Lock()
	c := g.cfg
	g.mu.Unlock()
	for i := range c.Machines {
		out.Wanted[c.Machines[i].Name] = c.Machines[i].Detect.FalseAlarms
	}
	w := board.ReadWear("/", c.State)
	out.Wear = history.Wear{Device: w.Device, Percent: w.Percent, Urgent: w.Urgent}
	out.Record = g.days.Record(from, to)
	b, err := json.Marshal(out)
	return json.RawMessage(b), err
}

package sparkplug

import (
	"math"
	"slices"
	"time"

	"iot-edge-anomaly/agent/report"
	"iot-edge-anomaly/agent/sampler"
	"iot-edge-anomaly/agent/telemetry"
	"iot-edge-anomaly/model"
)

// device is a machine that was born, with what hosts know of it.
type device struct {
	name     string
	channels []model.Channel
	rows     *telemetry.Machine
	state    metric
	open     metric
	values   []metric // the score, then the channels
}

// announce publishes the DBIRTH of a machine.
func (n *Node) announce(m *Machine) error {
	d := &device{name: m.Name, channels: m.Channels, rows: telemetry.New(n.o.Policy)}
	n.define(&d.state, "state", textType)
	n.define(&d.open, "open_events", int32Type)
	d.state.text, d.open.whole = m.State, int64(m.Open)
	d.values = make([]metric, 1+len(m.Channels))
	n.define(&d.values[0], "score", doubleType)
	for i := range m.Channels {
		v := &d.values[i+1]
		n.define(v, m.Channels[i].Name, doubleType)
		v.graded, v.unit = true, m.Channels[i].Unit
	}
	now, at := n.clock.Now.UnixMilli(), n.timeOf(&m.Row)
	n.payload.begin(now)
	n.payload.add(&d.state, now, true)
	n.payload.add(&d.open, now, true)
	for i := range d.values {
		v := &d.values[i]
		v.set(&m.Row, i-1)
		n.payload.add(v, at, true)
	}
	d.rows.Look(n.clock.Now, &m.Row) // it is in the birth: the next one is due after the interval
	for i, before := range n.devices {
		if before.name == d.name {
			n.devices[i] = d
			return n.send("DBIRTH", d.name)
		}
	}
	n.devices = append(n.devices, d)
	return n.send("DBIRTH", d.name)
}

// timeOf is the time of a row in milliseconds by the clock of the newest look: the
// clock may have been set since the row was made. A machine without a row has the time of
// the look.
func (n *Node) timeOf(r *report.Row) int64 {
	if r.Time.IsZero() {
		return n.clock.Now.UnixMilli()
	}
	return n.clock.Now.Add(-n.clock.Now.Sub(r.Time)).UnixMilli()
}

// set gives a metric the value of a channel of a row, or the score for channel -1, and
// tells whether value or quality are others. A value that is not good is null.
func (m *metric) set(r *report.Row, channel int) (changed bool) {
	v, quality := r.Score, qualityGood
	if m.graded {
		v, quality = math.NaN(), qualityBad
		if channel < len(r.Values) {
			v, quality = r.Values[channel], grade(r.Quality[channel])
		}
	}
	null := quality != qualityGood || math.IsNaN(v) || math.IsInf(v, 0)
	if null {
		v = 0
		if m.graded && quality == qualityGood {
			quality = qualityBad
		}
	}
	changed = m.number != v || m.null != null || m.quality != quality
	// A quality that is not told counts as good. So one that is not good is always told, and
	// good where it was not before.
	m.tell = m.graded && (quality != qualityGood || m.quality != quality)
	m.number, m.null, m.quality = v, null, quality
	return changed
}

// grade is the Sparkplug code of a quality.
func grade(q sampler.Quality) int {
	switch q {
	case sampler.Good:
		return qualityGood
	case sampler.Stale:
		return qualityStale
	}
	return qualityBad
}

// bury publishes a DDEATH for each device that is a machine no more.
func (n *Node) bury(p *Plant) error {
	var living []*device
	for _, d := range n.devices {
		if p.has(d.name) {
			living = append(living, d)
			continue
		}
		n.payload.begin(n.clock.Now.UnixMilli())
		if err := n.send("DDEATH", d.name); err != nil {
			return err
		}
	}
	n.devices = living
	return nil
}

func (p *Plant) has(name string) bool {
	for i := range p.Machines {
		if p.Machines[i].Name == name {
			return true
		}
	}
	return false
}

// born is the device of a machine; nil = it has none, or one with other channels.
func (n *Node) born(m *Machine) *device {
	for _, d := range n.devices {
		if d.name == m.Name && slices.Equal(d.channels, m.Channels) {
			return d
		}
	}
	return nil
}

// machine publishes what has changed of a machine: a DBIRTH if it is new or has other
// channels, else a DDATA if there is something.
func (n *Node) machine(now time.Time, m *Machine) error {
	d := n.born(m)
	if d == nil {
		return n.announce(m)
	}
	ms := n.clock.Now.UnixMilli()
	n.payload.begin(ms)
	some := n.text(&d.state, m.State, ms)
	some = n.whole(&d.open, m.Open, ms) || some
	if d.rows.Look(now, &m.Row) != nil {
		at := n.timeOf(&m.Row)
		for j := range d.values {
			if v := &d.values[j]; v.set(&m.Row, j-1) {
				n.payload.add(v, at, false)
				some = true
			}
		}
	}
	if !some {
		return nil
	}
	return n.send("DDATA", d.name)
}

package status

import (
	"math"
	"slices"

	"iot-edge-anomaly/agent/machine"
	"iot-edge-anomaly/agent/sampler"
	"iot-edge-anomaly/agent/status/page"
	"iot-edge-anomaly/model"
)

func number(v float64) *float64 { return page.Number(v) }

// Page is the snapshot in the form that the page shows.
func (s *Snapshot) Page() page.State {
	h := s.Health()
	p := page.State{Device: s.Device, Site: s.Site, Version: s.Build.Version, Health: h.Status.String(),
		Time: s.Now.UTC(), TimeQuality: s.TimeQuality, UptimeS: h.UptimeS, Machines: []page.Machine{}}
	if b := s.Broker; b != nil {
		p.Broker = &page.Broker{URL: b.Broker, Connected: b.Connected}
		if !b.Connected {
			p.Broker.Error = b.LastError
		}
		if !b.Since.IsZero() {
			p.Broker.Since = &b.Since
		}
	}
	if q := s.Spool; q != nil {
		p.Spool = &page.Spool{Messages: int64(q.Messages), Bytes: q.Bytes, MaxBytes: q.MaxBytes, Dropped: int64(q.Dropped)}
	}
	bySensor := map[string]*sampler.Reading{}
	for i := range s.Readings {
		bySensor[s.Readings[i].Sensor] = &s.Readings[i]
	}
	for i := range s.Machines {
		p.Machines = append(p.Machines, s.machine(&s.Machines[i], bySensor))
	}
	return p
}

func (s *Snapshot) machine(m *machine.Status, bySensor map[string]*sampler.Reading) page.Machine {
	out := page.Machine{Name: m.Name, State: string(m.State), Score: number(m.Score), Percentile: page.Percentile(m.Percent), Drift: number(m.Drift.Score), Model: m.Model.Version,
		Events: []page.Event{}, Channels: []page.Channel{}}
	if m.Mute != nil {
		out.Muted = &page.Mute{Until: m.Mute.Until, By: m.Mute.By, Note: m.Mute.Note}
	}
	if m.Learns() {
		left := m.Learning.Remaining.Seconds()
		out.Learning = &page.Learning{Phase: m.Learning.Phase, Progress: m.Learning.Done, LeftS: &left,
			Rows: int64(m.Learning.Have), Want: int64(m.Learning.Want)}
	}
	for _, ev := range s.Events {
		if ev.Machine == m.Name || (ev.Machine == "" && concerns(ev.Missing, m.Channels)) {
			out.Events = append(out.Events, ev.Event)
		}
	}
	for i, c := range m.Channels {
		pc := page.Channel{Name: c.Name, Unit: c.Unit, Value: number(m.Raw[i]), Quality: m.Quality[i].String()}
		if at := m.At[i]; !at.IsZero() {
			age := math.Max(0, s.Now.Sub(at).Seconds())
			pc.AgeS = &age
		}
		if i < len(m.Drift.Channels) {
			d := &m.Drift.Channels[i]
			pc.Drift = &page.Drift{Score: number(d.Score), Now: bandOf(d.Now), Learnt: bandOf(d.Learnt)}
		}
		if r := bySensor[m.Sensors[i]]; r != nil {
			pc.Error = causeOf(r, c.Name, m.Quality[i])
		}
		out.Channels = append(out.Channels, pc)
	}
	return out
}

func bandOf(b model.Band) page.Band {
	return page.Band{Low: number(b.Low), Median: number(b.Median), High: number(b.High)}
}

// causeOf says why a channel is not good; empty = it is good, or the reason is
// unknown.
func causeOf(r *sampler.Reading, channel string, q sampler.Quality) string {
	for j, c := range r.Channels {
		if r.Sensor+"."+c.Name == channel {
			return r.Cause(j, q)
		}
	}
	return ""
}

// concerns tells whether a fault that several machines share concerns one of the
// channels. After a restart its channels are not known: then it concerns all.
func concerns(missing []string, channels []model.Channel) bool {
	return len(missing) == 0 || slices.ContainsFunc(channels, func(c model.Channel) bool { return slices.Contains(missing, c.Name) })
}

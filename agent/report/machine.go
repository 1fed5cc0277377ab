package report

import (
	"slices"
	"time"

	"iot-edge-anomaly/agent/detect"
	"iot-edge-anomaly/model"
)

// MachineStatus is the state of a machine without its events.
type MachineStatus struct {
	Machine    string
	Channels   []model.Channel // the machine's channels; they tell which shared faults concern it
	State      string          // a judge.State
	Score      float64         // newest; NaN = none
	Percentile float64         // of the learning scores that were below Score; 0 = unknown
	Since      time.Time
	Event      string // id of the event that explains the state; "" = the Reporter finds it
	Causes     []detect.Cause
	Learning   *Learning // nil = nothing is learnt
	MutedUntil time.Time // zero = it is not muted
	MutedBy    string
}

// Learning is the progress of learning.
type Learning struct {
	Phase     string        // "collecting", "waiting" or "training"
	Progress  float64       // 0..1
	Remaining time.Duration // estimate
}

// MachineState writes the retained message about a machine, for consumers that
// subscribe later: its state, the event that explains the state, and every open
// event of the machine. The event is the one the state is named after or, if the
// machine is blind, the fault of a bus or sensor or the alert about its model. A "normal" machine with an open process
// anomaly is written as "anomaly".
func (r *Reporter) MachineState(m MachineStatus) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.clock()
	since := c.stamp(r.device.Boot, m.Since)
	severity, kind := "", detect.Kind("")
	if rec := r.stateEvent(&m); rec != nil {
		kind, m.Event, m.Causes, severity = rec.Kind, rec.ID, rec.causes(), string(rec.Severity)
		since = c.withWall(rec.Since, r.device.Boot)
		if m.State == "normal" && rec.Kind == detect.ProcessAnomaly {
			m.State = "anomaly"
		}
	}
	o := openObject(nil)
	o.b = append(o.field("schema"), '1')
	o.text("site", r.device.Site)
	o.text("device", r.device.Device)
	o.text("machine", m.Machine)
	o.text("state", m.State)
	o.number("score", m.Score)
	o.percentile(m.Percentile)
	o.textOrNull("event", m.Event)
	o.textOrNull("severity", severity)
	level := r.level(&m)
	o.text("level", string(level))
	o.flag("problem", level != detect.NoLevel)
	o.b = appendTime(o.field("since"), since.Wall)
	o.b = appendCauses(o.field("causes"), m.Causes, kind)
	o.b = r.appendOpen(o.field("open"), &m, c)
	o.b = m.Learning.append(o.field("learning"))
	if !m.MutedUntil.IsZero() {
		o.b = appendTime(o.field("muted_until"), m.MutedUntil)
		o.text("muted_by", m.MutedBy)
	}
	o.b = appendTime(o.field("time"), c.stamp(r.device.Boot, c.Now).Wall)
	o.text("time_quality", c.quality())
	return o.close()
}

// level is the highest level of the open events that concern the machine.
func (r *Reporter) level(m *MachineStatus) detect.Level {
	worst := detect.NoLevel
	for i := range r.open {
		rec := &r.open[i]
		if l := detect.LevelOf(rec.Kind, rec.Severity); l.Rank() > worst.Rank() && rec.concerns(m) {
			worst = l
		}
	}
	return worst
}

// stateEvent returns the event that explains the machine's state; nil if there
// is none.
func (r *Reporter) stateEvent(m *MachineStatus) *record {
	kinds := []detect.Kind{detect.ProcessAnomaly}
	switch m.State {
	case "blind":
		kinds = []detect.Kind{detect.BusFault, detect.SensorFault, detect.Alert, detect.ProcessAnomaly}
	case "limit":
		kinds = []detect.Kind{detect.LimitExceeded}
	case "drift":
		kinds = []detect.Kind{detect.Drift}
	}
	for _, kind := range kinds {
		for i := range r.open {
			rec := &r.open[i]
			if rec.concerns(m) && (rec.ID == m.Event || m.Event == "" && rec.Kind == kind) {
				return rec
			}
		}
	}
	return nil
}

// concerns tells whether the event concerns the machine: it is the machine's
// own, or a shared fault that affects one of its channels. After a restart the
// affected channels are unknown until the fault is reported again; until then a
// shared fault concerns every machine.
func (r *record) concerns(m *MachineStatus) bool {
	if r.isCommon() { // its parts are told of their machines
		return false
	}
	if r.Machine != "" || len(r.Missing) == 0 {
		return r.Machine == m.Machine || r.Machine == ""
	}
	return slices.ContainsFunc(m.Channels, func(c model.Channel) bool { return slices.Contains(r.Missing, c.Name) })
}

// CountOpen counts the open events that concern a machine, of which the name and the channels
// are looked at; nil = all. The event of a common cause does not count: its parts do.
func (r *Reporter) CountOpen(m *MachineStatus) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.open {
		if rec := &r.open[i]; m == nil && !rec.isCommon() || m != nil && rec.concerns(m) {
			n++
		}
	}
	return n
}

// appendOpen lists the machine's open events, oldest first.
func (r *Reporter) appendOpen(b []byte, m *MachineStatus, c Clock) []byte {
	b = append(b, '[')
	some := false
	for i := range r.open {
		rec := &r.open[i]
		if !rec.concerns(m) {
			continue
		}
		if some {
			b = append(b, ',')
		}
		some = true
		o := openObject(b)
		o.text("event", rec.ID)
		o.text("kind", string(rec.Kind))
		if rec.Key != "" {
			o.text("source", rec.Key)
		}
		o.text("severity", string(rec.Severity))
		o.b = appendTime(o.field("since"), c.withWall(rec.Since, r.device.Boot).Wall)
		rec.Ack.dated(c, r.device.Boot).append(&o)
		b = o.close()
	}
	return append(b, ']')
}

func (l *Learning) append(b []byte) []byte {
	if l == nil {
		return append(b, "null"...)
	}
	o := openObject(b)
	o.text("phase", l.Phase)
	o.number("progress", l.Progress)
	o.seconds("remaining_s", max(0, l.Remaining))
	return o.close()
}

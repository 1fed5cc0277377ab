package report

import (
	"fmt"
	"math"
	"slices"
	"time"

	"iot-edge-anomaly/agent/detect"
)

// CommonKey is the key of the event of a common cause.
const CommonKey = "common"

// What is a common cause, such as a dip of the mains: that many channels on more than
// one machine open an event within seconds. It is told by one event of the gateway,
// beside the event of each part.
const (
	commonChannels = 8
	commonMachines = 2
	commonWithin   = 5 * time.Second
	commonEvery    = 10 * time.Second // between two updates
)

// common is what just opened, and the event of the common cause if one is open.
type common struct {
	recent []recentOpen
	joined time.Time // when a part came last
	told   time.Time // when its event was told last
	grown  bool      // since then
}

type recentOpen struct {
	id string
	at time.Time
}

func (r *record) isCommon() bool {
	return r.Kind == detect.Alert && r.Machine == "" && r.Key == CommonKey
}

// IsCommon tells whether an event is that of a common cause. The Reporter opens and
// closes it by itself.
func IsCommon(ev detect.Event) bool {
	return ev.Kind == detect.Alert && ev.Machine == "" && ev.Key == CommonKey
}

// canShare tells whether an event may be part of a common cause.
func (r *record) canShare() bool {
	return r.Kind != detect.Alert && r.Kind != detect.Drift
}

// recoverCommon takes every open event for a part of the common cause that was open
// when the process ended: which of them were is not kept for each.
func (r *Reporter) recoverCommon() {
	g := slices.IndexFunc(r.open, func(rec record) bool { return rec.isCommon() })
	if g < 0 {
		return
	}
	for i := range r.open {
		if r.open[i].canShare() {
			r.open[i].Group = r.open[g].ID
		}
	}
}

// joinCommon looks at an event that has just opened. An error of the queue is no error
// of that event; the next one tries again.
func (r *Reporter) joinCommon(rec *record, c Clock) {
	if !rec.canShare() {
		return
	}
	x := &r.common
	x.recent = slices.DeleteFunc(x.recent, func(o recentOpen) bool { return c.Now.Sub(o.at) > commonWithin })
	x.recent = append(x.recent, recentOpen{rec.ID, c.Now})
	g := slices.IndexFunc(r.open, func(rec record) bool { return rec.isCommon() })
	if g < 0 || c.Now.Sub(x.joined) > commonWithin {
		recent := make(map[string]bool, len(x.recent)) // hundreds, where all limits of a machine are exceeded at once
		for _, o := range x.recent {
			recent[o.id] = true
		}
		parts := r.parts(func(rec *record) bool { return recent[rec.ID] })
		if parts.channels < commonChannels || parts.machines < commonMachines {
			return
		}
		if g < 0 {
			since := x.recent[0].at
			ev := detect.Event{Kind: detect.Alert, Key: CommonKey, State: detect.Open, Severity: parts.severity, Time: c.Now, Since: since,
				Score: math.NaN(), Peak: math.NaN(), Reason: parts.text()}
			if r.store(ev, ModelRef{}, c) != nil {
				return
			}
			g = len(r.open) - 1
			x.told = c.Now
		}
	}
	for _, o := range x.recent {
		if i := slices.IndexFunc(r.open, func(rec record) bool { return rec.ID == o.id }); i >= 0 {
			r.open[i].Group = r.open[g].ID
		}
	}
	x.recent, x.joined, x.grown = x.recent[:0], c.Now, true
}

// leaveCommon looks at an event that has just closed: with the last part the common
// cause is over.
func (r *Reporter) leaveCommon(rec *record, c Clock) {
	if rec.Group != "" {
		_ = r.tellCommon(c) // Tell tries again
	}
}

// tellCommon updates the event of a common cause that has grown, or closes it when no
// part of it is open any more.
func (r *Reporter) tellCommon(c Clock) error {
	g := slices.IndexFunc(r.open, func(rec record) bool { return rec.isCommon() })
	if g < 0 {
		return nil
	}
	x, id := &r.common, r.open[g].ID
	parts := r.parts(func(rec *record) bool { return rec.Group == id })
	ev := detect.Event{Kind: detect.Alert, Key: CommonKey, State: detect.Update, Severity: parts.severity, Time: c.Now, Score: math.NaN(), Peak: math.NaN(), Reason: parts.text()}
	switch {
	case parts.channels == 0:
		ev.State, ev.Until, ev.Reason = detect.Close, c.Now, detect.ReasonNormal
	case !x.grown || c.Now.Sub(x.told) < commonEvery:
		return nil
	case r.open[g].Detail == ev.Reason:
		x.grown = false
		return nil
	}
	if err := r.store(ev, ModelRef{}, c); err != nil {
		return err
	}
	x.told, x.grown = c.Now, false
	return nil
}

// parts are the open events of a common cause, in numbers.
type parts struct {
	channels, machines int
	severity           detect.Severity // the gravest
}

func (p *parts) text() string {
	return fmt.Sprintf("%d channels on %d machines at the same time: look for a common cause", p.channels, p.machines)
}

// parts counts the open events that in selects: the channels that they name, and their
// machines.
func (r *Reporter) parts(in func(*record) bool) parts {
	out := parts{severity: detect.Warning}
	channels, machines := map[string]bool{}, map[string]bool{}
	for i := range r.open {
		rec := &r.open[i]
		if !rec.canShare() || !in(rec) {
			continue
		}
		if rec.Severity.Rank() > out.severity.Rank() {
			out.severity = rec.Severity
		}
		machines[rec.Machine] = true
		named := []string{rec.Key}
		if rec.Kind == detect.SensorFault || rec.Kind == detect.BusFault {
			named = append(rec.Missing, rec.Key)[:max(1, len(rec.Missing))]
		} else if len(rec.Causes) > 0 {
			named[0] = rec.Causes[0].Channel
		}
		for _, n := range named {
			channels[rec.Machine+"\x00"+n] = true
		}
	}
	delete(machines, "") // a bus is no machine
	out.channels, out.machines = len(channels), len(machines)
	return out
}

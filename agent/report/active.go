package report

import (
	"maps"
	"slices"
	"strings"
	"time"

	"iot-edge-anomaly/agent/detect"
)

// Count is the number of events of one sort that opened since the start.
type Count struct {
	Kind     detect.Kind
	Severity detect.Severity // when it opened
	Sensor   string          // the faulty sensor, or that of the first cause; empty = none
	Bus      string          // of a bus fault; else empty
	Alert    string          // the key of an alert; else empty
	N        uint64
}

// Alarm is a sort of event, by what it is about.
type Alarm struct {
	Machine  string // empty = of the gateway
	Kind     detect.Kind
	Severity detect.Severity // when it opened
	Cause    string          // the first channel to blame, the faulty sensor or bus, or the key of an alert
}

// mostRaised is how many sorts are told apart by their causes.
const mostRaised = 1000

// raise counts an event that opens.
func (r *Reporter) raise(rec *record) {
	a := Alarm{rec.Machine, rec.Kind, rec.Severity, rec.Key}
	if len(rec.Causes) > 0 {
		a.Cause = rec.Causes[0].Channel
	}
	if _, known := r.raised[a]; !known && len(r.raised) >= mostRaised {
		a.Cause = "others"
	}
	r.raised[a]++
}

// Raised returns how many events opened since the start, by what they are about.
func (r *Reporter) Raised() map[Alarm]uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.raised)
}

func (r *Reporter) count(rec *record) {
	r.raise(rec)
	c := Count{Kind: rec.Kind, Severity: rec.Severity, N: 1}
	switch {
	case rec.Kind == detect.BusFault:
		c.Bus = rec.Key
	case rec.Kind == detect.Alert:
		c.Alert = rec.Key
	case rec.Kind == detect.SensorFault:
		c.Sensor = rec.Key
	case len(rec.Causes) > 0:
		c.Sensor, _, _ = strings.Cut(rec.Causes[0].Channel, ".")
	}
	for i := range r.opened {
		if o := &r.opened[i]; o.Kind == c.Kind && o.Severity == c.Severity && o.Sensor == c.Sensor && o.Bus == c.Bus && o.Alert == c.Alert {
			o.N++
			return
		}
	}
	r.opened = append(r.opened, c)
}

// Opened returns how many events opened since the start, by sort.
func (r *Reporter) Opened() []Count {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.opened)
}

// Orphans returns how many closes were dropped because their event was not open.
func (r *Reporter) Orphans() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.orphans
}

// ActiveEvent is an open event, for the page and for machine states.
type ActiveEvent struct {
	ID         string
	Machine    string
	Kind       detect.Kind
	Key        string
	Severity   detect.Severity
	Since      time.Time // zero = unknown
	Score      float64
	Peak       float64
	Percentile float64  // of the learning scores that were below Score; 0 = unknown
	Missing    []string // channels without a value; nil also after a restart, which does not keep them
	Causes     []detect.Cause
	Reason     string // what is wrong, for people
	Ack        *Ack   // nil = nobody has acknowledged it
}

// Active returns the open events, oldest first.
func (r *Reporter) Active() []ActiveEvent {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.clock()
	out := make([]ActiveEvent, len(r.open))
	for i := range r.open {
		rec := &r.open[i]
		out[i] = ActiveEvent{ID: rec.ID, Machine: rec.Machine, Kind: rec.Kind, Key: rec.Key, Severity: rec.Severity,
			Since: c.time(rec.Since, r.device.Boot), Score: float64(rec.Score), Peak: float64(rec.Peak), Percentile: float64(rec.Percentile), Missing: slices.Clone(rec.Missing),
			Causes: rec.causes(), Reason: rec.Detail}
		if a := rec.Ack; a != nil {
			out[i].Ack = &Ack{By: a.by, Time: c.time(a.at, r.device.Boot), Note: a.note}
		}
	}
	return out
}

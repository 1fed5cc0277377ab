package report

import (
	"fmt"
	"strings"
	"time"

	"iot-edge-anomaly/agent/detect"
)

// Bounds of an acknowledgement, in bytes.
const (
	maxBy   = 64
	maxNote = maxDetail
)

// Ack is somebody's word that an open event was seen: from then on it is told only
// when it becomes graver, when another cause leads, and when it closes.
type Ack struct {
	By   string
	Time time.Time // zero = unknown
	Note string    // empty = none
}

// ack is an Ack as a record keeps it.
type ack struct {
	by, note string
	at       stamp
	cause    string // sensor of the first cause at that time; empty = none was known
}

// UnknownEvent is the error of an id that names no open event.
type UnknownEvent struct {
	ID   string
	Open []string // ids of the open events, oldest first
}

// unknownMost is how many open events the text of UnknownEvent names.
const unknownMost = 20

// Error names the open events.
func (e *UnknownEvent) Error() string {
	switch n := len(e.Open); {
	case n == 0:
		return fmt.Sprintf("event %q: not open; no event is", e.ID)
	case n > unknownMost:
		return fmt.Sprintf("event %q: not open; open are %s and %d more", e.ID, strings.Join(e.Open[:unknownMost], ", "), n-unknownMost)
	}
	return fmt.Sprintf("event %q: not open; open are %s", e.ID, strings.Join(e.Open, ", "))
}

// Acknowledge takes somebody's word that he has seen the event with this id, and tells
// it as an update of the event. It is kept with the event and stands in its messages
// until the event becomes graver or another cause leads. A later one replaces it. The
// error is an UnknownEvent where no such event is open; on any error nothing has changed.
func (r *Reporter) Acknowledge(id, by, note string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	unknown := &UnknownEvent{ID: id}
	for i := range r.open {
		rec := r.open[i]
		if rec.ID != id {
			unknown.Open = append(unknown.Open, rec.ID)
			continue
		}
		c := r.clock()
		now := c.stamp(r.device.Boot, c.Now)
		rec.Ack = &ack{by: cut(by, maxBy), note: cut(note, maxNote), at: now, cause: rec.leader()}
		rec.held = false
		if err := r.append(&message{state: detect.Update, time: now, quality: c.quality(), record: rec}); err != nil {
			return err
		}
		r.open[i] = rec
		return nil
	}
	return unknown
}

// Incident tells an event that is over as soon as it begins: its open and its close,
// with nothing in between.
func (r *Reporter) Incident(ev detect.Event) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.clock()
	ev.State = detect.Open
	if err := r.store(ev, ModelRef{}, c); err != nil {
		return err
	}
	ev.State, ev.Until, ev.Reason = detect.Close, ev.Time, ReasonOver
	return r.store(ev, ModelRef{}, c)
}

// ReasonOver is the reason an Incident closes with.
const ReasonOver = "told"

// cut is the beginning of a text, at most so many bytes.
func cut(s string, most int) string { return validUTF8(s[:min(len(s), most)]) }

// leader is the sensor of the first cause; empty = there is none.
func (r *record) leader() string {
	if len(r.Causes) == 0 {
		return ""
	}
	sensor, _, _ := strings.Cut(r.Causes[0].Channel, ".")
	return sensor
}

// quiet tells whether an update of the event is not to be told: the event was
// acknowledged and is what it was then. before is its severity until now. Where it is
// another, the acknowledgement ends.
func (r *record) quiet(before detect.Severity) bool {
	if r.Ack == nil {
		return false
	}
	if lead := r.leader(); r.Severity != before || lead != "" && r.Ack.cause != "" && lead != r.Ack.cause {
		r.Ack = nil
		return false
	}
	return true
}

// dated is the acknowledgement with its wall time filled in, if the clock is set.
func (a *ack) dated(c Clock, boot string) *ack {
	if a == nil || a.at.Sure {
		return a
	}
	b := *a
	b.at = c.withWall(a.at, boot)
	return &b
}

// append writes the acknowledgement as a field, if there is one.
func (a *ack) append(o *object) {
	if a == nil {
		return
	}
	in := openObject(o.field("acknowledged"))
	in.b = appendTime(in.field("time"), a.at.Wall)
	in.text("by", a.by)
	if a.note != "" {
		in.text("note", a.note)
	}
	o.b = in.close()
}

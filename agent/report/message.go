package report

import (
	"strconv"
	"time"

	"iot-edge-anomaly/agent/detect"
)

// message is one step of an event with everything that its payload needs.
type message struct {
	record
	seq         uint64
	state       detect.State
	time        stamp
	quality     string
	until       stamp         // of a close
	duration    time.Duration // of a close
	hasDuration bool          // duration is known
	reason      string        // of a close
}

// close fills in the fields that only a close has.
func (m *message) close(ev *detect.Event, c Clock, boot string) {
	m.state, m.reason = detect.Close, validUTF8(ev.Reason[:min(len(ev.Reason), maxDetail)])
	if m.reason == "" {
		m.reason = detect.ReasonNormal
	}
	m.until = c.stamp(boot, ev.Until)
	if ev.Until.IsZero() && ev.Reason != detect.ReasonRestart {
		m.until = m.time
	}
	m.duration, m.hasDuration = between(m.Since, m.until)
	if !m.until.Wall.IsZero() && m.until.Wall.Before(m.Since.Wall) {
		m.until.Wall = m.Since.Wall // the clock was set back in between
	}
}

// encode writes m as JSON, with the fields in the schema's order, and the
// encoded note for the Outbox.
func (m *message) encode(d *Device) (payload, note []byte) {
	o, n := openObject(nil), newNote(d.Boot)
	o.b = append(o.field("schema"), '1')
	o.text("id", d.id(m.seq))
	o.b = strconv.AppendUint(o.field("seq"), m.seq, 10)
	o.text("boot", d.Boot)
	o.text("site", d.Site)
	o.text("device", d.Device)
	o.text("machine", m.Machine)
	o.text("kind", string(m.Kind))
	if m.Key != "" {
		o.text("source", m.Key)
	}
	o.text("state", string(m.state))
	o.text("event", m.ID)
	o.b = append(o.field("resent"), "false"...)
	n.add(edit{kind: editResent, from: uint32(len(o.b) - len("false")), to: uint32(len(o.b))}, true)
	e, unknown := o.moment("time", "uptime_s", m.time, d.Boot)
	n.add(e, unknown)
	b := o.field("time_quality")
	o.b = appendString(b, m.quality)
	e = edit{kind: editQuality, from: uint32(len(b)), to: uint32(len(o.b)), up: e.up}
	if !m.time.Wall.IsZero() {
		e.kind, e.up = editStepped, m.time.Wall.UnixMilli()-e.up
	}
	n.add(e, unknown)
	n.add(o.moment("since", "since_uptime_s", m.Since, d.Boot))
	o.text("severity", string(m.Severity))
	o.text("level", string(detect.LevelOf(m.Kind, m.Severity)))
	o.number("score", float64(m.Score))
	o.number("peak", float64(m.Peak))
	o.percentile(float64(m.Percentile))
	o.texts("missing", m.Missing)
	o.b = appendCauses(o.field("causes"), m.causes(), m.Kind)
	o.b = m.Model.append(o.field("model"))
	if m.Detail != "" {
		o.text("detail", m.Detail)
	}
	if m.Group != "" {
		o.text("group", m.Group)
	}
	m.Ack.append(&o)
	if m.state == detect.Close {
		m.appendEnd(&o, &n, d)
	}
	return o.close(), n.encode()
}

func (m *message) appendEnd(o *object, n *note, d *Device) {
	e, unknown := o.moment("until", "until_uptime_s", m.until, d.Boot)
	n.add(e, unknown)
	b := o.field("duration_s")
	if m.hasDuration {
		o.b = appendSeconds(b, m.duration)
	} else {
		o.b = append(b, "null"...)
	}
	acrossBoots := m.Since.Boot != m.until.Boot && !m.Since.Wall.IsZero()
	n.add(edit{kind: editDuration, from: uint32(len(b)), to: uint32(len(o.b)), up: e.up - m.Since.Wall.UnixMilli()}, unknown && acrossBoots)
	o.text("reason", m.reason)
}

// appendCauses writes the causes of an event. A limit event tells the limit, all
// others what was expected.
func appendCauses(b []byte, list []detect.Cause, kind detect.Kind) []byte {
	reference := "expected"
	if kind == detect.LimitExceeded {
		reference = "limit"
	}
	b = append(b, '[')
	for i, c := range list {
		if i > 0 {
			b = append(b, ',')
		}
		o := openObject(b)
		o.text("channel", c.Channel)
		o.text("unit", c.Unit)
		o.number("share", c.Share)
		o.value("value", c.Value)
		o.value(reference, c.Expected)
		o.text("direction", c.Direction)
		b = o.close()
	}
	return append(b, ']')
}

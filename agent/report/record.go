package report

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"iot-edge-anomaly/agent/detect"
)

// num is a float64 that survives JSON: no number is null.
type num float64

// MarshalJSON writes null for NaN and infinities.
func (n num) MarshalJSON() ([]byte, error) {
	if math.IsNaN(float64(n)) || math.IsInf(float64(n), 0) {
		return []byte("null"), nil
	}
	return strconv.AppendFloat(nil, float64(n), 'g', -1, 64), nil
}

// UnmarshalJSON reads null as NaN.
func (n *num) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*n = num(math.NaN())
		return nil
	}
	return json.Unmarshal(b, (*float64)(n))
}

// cause is detect.Cause as the state keeps it.
type cause struct {
	Channel   string `json:"channel"`
	Unit      string `json:"unit,omitempty"`
	Share     num    `json:"share"`
	Value     num    `json:"value"`
	Expected  num    `json:"expected"`
	Direction string `json:"direction,omitempty"`
}

// record is one open event.
type record struct {
	ID       string          `json:"id"`
	Machine  string          `json:"machine"`
	Kind     detect.Kind     `json:"kind"`
	Key      string          `json:"key,omitempty"`
	Since    stamp           `json:"since"`
	Seen     stamp           `json:"seen"` // of its newest message
	Severity detect.Severity `json:"severity"`
	Score    num             `json:"score"`
	Peak     num             `json:"peak"`
	Percent  num             `json:"percentile,omitzero"`
	Missing  []string        `json:"-"` // of the newest row: after a restart nobody knows
	Causes   []cause         `json:"causes,omitempty"`
	Model    ModelRef        `json:"model,omitzero"`
	Detail   string          `json:"detail,omitempty"` // what is wrong, for people
}

// blob is what the queue keeps for the Reporter.
type blob struct {
	Events uint64   `json:"events"` // events opened so far
	Open   []record `json:"open"`
}

// roomyState is what the state may take before it keeps less of each event: the
// queue takes 64 KiB.
const roomyState = 60 << 10

// encode writes the state. Where very many events are open it leaves out what
// only a restart would miss: causes, model and detail.
func (s blob) encode() ([]byte, error) {
	b, err := json.Marshal(s)
	if err != nil || len(b) <= roomyState {
		return b, err
	}
	s.Open = slices.Clone(s.Open)
	for i := range s.Open {
		rec := &s.Open[i]
		rec.Causes, rec.Model, rec.Detail = nil, ModelRef{}, ""
	}
	return json.Marshal(s)
}

func decodeBlob(b []byte) (blob, error) {
	var s blob
	if len(b) == 0 {
		return s, nil
	}
	if err := json.Unmarshal(b, &s); err != nil {
		return s, fmt.Errorf("reading open events: %w", err)
	}
	return s, nil
}

func (r *record) is(ev *detect.Event) bool {
	return r.Machine == ev.Machine && r.Kind == ev.Kind && r.Key == ev.Key
}

// take brings the record up to what ev says.
func (r *record) take(ev *detect.Event, m ModelRef) {
	r.Score, r.Peak, r.Percent = num(ev.Score), higher(r.Peak, num(ev.Peak)), num(ev.Percentile)
	if ev.Severity.Rank() >= r.Severity.Rank() {
		r.Severity = ev.Severity
	}
	r.Missing, r.Model = ev.Missing, m
	r.Causes = make([]cause, len(ev.Causes))
	for i, c := range ev.Causes {
		r.Causes[i] = cause{c.Channel, c.Unit, num(c.Share), num(c.Value), num(c.Expected), c.Direction}
	}
	if ev.State != detect.Close {
		r.Detail = valid(ev.Reason[:min(len(ev.Reason), maxDetail)])
	}
}

// maxDetail bounds what an error's text adds to a message and to the state.
const maxDetail = 300

// valid is s as it survives JSON, so that a name read back is the same name.
func valid(s string) string { return strings.ToValidUTF8(s, "\ufffd") }

// higher is the larger of two that may be no numbers.
func higher(a, b num) num {
	if a > b || math.IsNaN(float64(b)) {
		return a
	}
	return b
}

func (r *record) causes() []detect.Cause {
	out := make([]detect.Cause, len(r.Causes))
	for i, c := range r.Causes {
		out[i] = detect.Cause{Channel: c.Channel, Unit: c.Unit, Share: float64(c.Share), Value: float64(c.Value),
			Expected: float64(c.Expected), Direction: c.Direction}
	}
	return out
}

// event is the record as the detector knows events.
func (r *record) event(c Clock, boot string) detect.Event {
	return detect.Event{Machine: r.Machine, Kind: r.Kind, Key: r.Key, State: detect.Open, Time: c.time(r.Seen, boot),
		Since: c.time(r.Since, boot), Severity: r.Severity, Score: float64(r.Score), Peak: float64(r.Peak),
		Percentile: float64(r.Percent), Missing: r.Missing, Causes: r.causes(), Reason: r.Detail}
}

// message is one step of an event, ready to be written.
type message struct {
	record
	seq      uint64
	state    detect.State
	time     stamp
	quality  string
	until    stamp         // of a close
	duration time.Duration // of a close
	timed    bool          // duration is known
	reason   string        // of a close
}

// encode writes m as JSON, fields in the schema's order, and the note that
// goes with it.
func (m *message) encode(d *Device) (payload, later []byte) {
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
	n.add(edit{What: editResent, From: uint32(len(o.b) - len("false")), To: uint32(len(o.b))}, true)
	e, unknown := o.moment("time", "uptime_s", m.time, d.Boot)
	n.add(e, unknown)
	b := o.field("time_quality")
	o.b = appendString(b, m.quality)
	n.add(edit{What: editQuality, From: uint32(len(b)), To: uint32(len(o.b)), Up: e.Up}, unknown)
	n.add(o.moment("since", "since_uptime_s", m.Since, d.Boot))
	o.text("severity", string(m.Severity))
	o.number("score", float64(m.Score))
	o.number("peak", float64(m.Peak))
	o.percentile(float64(m.Percent))
	o.texts("missing", m.Missing)
	o.b = appendCauses(o.field("causes"), m.causes())
	o.b = m.Model.append(o.field("model"))
	if m.Detail != "" {
		o.text("detail", m.Detail)
	}
	if m.state == detect.Close {
		m.appendEnd(&o, &n, d)
	}
	return o.close(), n.encode()
}

func (m *message) appendEnd(o *object, n *note, d *Device) {
	n.add(o.moment("until", "until_uptime_s", m.until, d.Boot))
	if m.timed {
		o.seconds("duration_s", m.duration)
	} else {
		o.b = append(o.field("duration_s"), "null"...)
	}
	o.text("reason", m.reason)
}

func appendCauses(b []byte, list []detect.Cause) []byte {
	b = append(b, '[')
	for i, c := range list {
		if i > 0 {
			b = append(b, ',')
		}
		o := openObject(b)
		o.text("channel", c.Channel)
		o.text("unit", c.Unit)
		o.number("share", c.Share)
		o.number("value", c.Value)
		o.number("expected", c.Expected)
		o.text("direction", c.Direction)
		b = o.close()
	}
	return append(b, ']')
}

package report

import (
	"encoding/json"
	"math"
	"strings"

	"iot-edge-anomaly/agent/detect"
)

// num is a float64 that is NaN where JSON has null.
type num float64

// UnmarshalJSON reads null as NaN.
func (n *num) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*n = num(math.NaN())
		return nil
	}
	return json.Unmarshal(b, (*float64)(n))
}

// cause is detect.Cause in the saved state.
type cause struct {
	Channel   string `json:"channel"`
	Unit      string `json:"unit,omitempty"`
	Share     num    `json:"share"`
	Value     num    `json:"value"`
	Expected  num    `json:"expected"`
	Direction string `json:"direction,omitempty"`
}

// record is one open event. The JSON is that of the version before, which is still read.
type record struct {
	ID         string          `json:"id"`
	Machine    string          `json:"machine"`
	Kind       detect.Kind     `json:"kind"`
	Key        string          `json:"key,omitempty"`
	Since      stamp           `json:"since"`
	Seen       stamp           `json:"seen"` // time of its newest message
	Severity   detect.Severity `json:"severity"`
	Score      num             `json:"score"`
	Peak       num             `json:"peak"`
	Percentile num             `json:"percentile,omitzero"`
	Missing    []string        `json:"-"` // channels missing in the newest row; not kept over a restart
	Causes     []cause         `json:"causes,omitempty"`
	Model      ModelRef        `json:"model,omitzero"`
	Detail     string          `json:"detail,omitempty"` // what is wrong, for people
	Group      string          `json:"-"`                // id of the event of the common cause; "" = none
	Ack        *ack            `json:"-"`                // nil = nobody has acknowledged it; never changed in place
	held       bool            // an update waits to be told
}

func (r *record) sameEvent(ev *detect.Event) bool {
	return r.Machine == ev.Machine && r.Kind == ev.Kind && r.Key == ev.Key
}

// update takes over what ev and m say.
func (r *record) update(ev *detect.Event, m ModelRef) {
	r.Score, r.Peak, r.Percentile = num(ev.Score), larger(r.Peak, num(ev.Peak)), num(ev.Percentile)
	if ev.Severity.Rank() >= r.Severity.Rank() {
		r.Severity = ev.Severity
	}
	r.Missing, r.Model = ev.Missing, m
	r.Causes = make([]cause, len(ev.Causes))
	for i, c := range ev.Causes {
		r.Causes[i] = cause{c.Channel, c.Unit, num(c.Share), num(c.Value), num(c.Expected), c.Direction}
	}
	if ev.State != detect.Close {
		r.Detail = validUTF8(ev.Reason[:min(len(ev.Reason), maxDetail)])
	}
}

// maxDetail is the number of bytes of an error text that messages and state
// keep.
const maxDetail = 300

// validUTF8 returns s with U+FFFD in place of bytes that are not UTF-8. JSON
// does the same, so a name read back from the state equals the original.
func validUTF8(s string) string { return strings.ToValidUTF8(s, "\ufffd") }

// larger returns the larger of two numbers, either of which may be NaN.
func larger(a, b num) num {
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

// event returns the record as a detect.Event.
func (r *record) event(c Clock, boot string) detect.Event {
	return detect.Event{Machine: r.Machine, Kind: r.Kind, Key: r.Key, State: detect.Open, Time: c.time(r.Seen, boot),
		Since: c.time(r.Since, boot), Severity: r.Severity, Score: float64(r.Score), Peak: float64(r.Peak),
		Percentile: float64(r.Percentile), Missing: r.Missing, Causes: r.causes(), Reason: r.Detail}
}

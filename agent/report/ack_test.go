package report

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"iot-edge-anomaly/agent/detect"
)

// acked is what a consumer reads of an acknowledgement; nil = there is none.
type acked struct {
	Acknowledged *struct {
		Time *string `json:"time"`
		By   string  `json:"by"`
		Note string  `json:"note"`
	} `json:"acknowledged"`
	State string  `json:"state"`
	Open  []acked `json:"open"`
}

func ackOf(t *testing.T, b []byte) (a acked) {
	t.Helper()
	must(t, json.Unmarshal(b, &a))
	return a
}

// An acknowledged event is told as an update once, then only where it becomes graver or
// another sensor leads, which ends the acknowledgement, and when it closes. It outlives
// a restart.
func TestAcknowledge(t *testing.T) {
	q, c := &memory{}, synced()
	r := newReporter(t, boot1, q, c)
	step := func(severity detect.Severity, cause string, told bool) acked {
		t.Helper()
		before := len(q.messages)
		c.passed += time.Minute
		ev := anomaly(detect.Update, c.now())
		ev.Severity, ev.Causes = severity, []detect.Cause{{Channel: cause, Share: 0.6}}
		must(t, r.Event(ev, theModel))
		if got := len(q.messages) > before; got != told {
			t.Errorf("%s by %s: told %v", severity, cause, got)
		}
		return ackOf(t, q.last())
	}
	step(detect.Warning, "pump.current", true)
	must(t, r.Acknowledge("gw7-4f2a-e1", "alice", "on my way"))
	if a := ackOf(t, q.last()); a.State != "update" || a.Acknowledged == nil || a.Acknowledged.By != "alice" || a.Acknowledged.Note != "on my way" || a.Acknowledged.Time == nil {
		t.Errorf("told %s", q.last())
	}
	if m := q.messages[len(q.messages)-1]; m.Spare {
		t.Error("an acknowledgement gives way where space is short")
	}
	step(detect.Warning, "pump.current", false)
	step(detect.Warning, "pump.flow", false) // of the same sensor
	r = newReporter(t, boot2, q, c)
	step(detect.Warning, "pump.current", false)
	if a := ackOf(t, r.MachineState(MachineStatus{Machine: "pump1", State: "anomaly"})); len(a.Open) != 1 || a.Open[0].Acknowledged == nil || a.Open[0].Acknowledged.By != "alice" {
		t.Errorf("after a restart the state says %+v", a)
	}
	if a := r.Active()[0].Ack; a == nil || a.By != "alice" || a.Time.IsZero() {
		t.Errorf("after a restart: %+v", a)
	}
	if a := step(detect.High, "pump.current", true); a.Acknowledged != nil {
		t.Error("an event that became graver is still acknowledged")
	}
	step(detect.High, "pump.current", true)
	must(t, r.Acknowledge("gw7-4f2a-e1", "bob", ""))
	step(detect.High, "pump.current", false)
	if a := step(detect.High, "drive.current", true); a.Acknowledged != nil {
		t.Error("an event of another cause is still acknowledged")
	}
	must(t, r.Acknowledge("gw7-4f2a-e1", "carol", strings.Repeat("é", 500)))
	ev := anomaly(detect.Close, c.now())
	must(t, r.Event(ev, theModel))
	if a := ackOf(t, q.last()); a.State != "close" || a.Acknowledged == nil || a.Acknowledged.By != "carol" || len(a.Acknowledged.Note) > maxNote+3 {
		t.Errorf("closed with %s", q.last())
	}
	if _, err := checkStream(q.messages); err != nil {
		t.Error(err)
	}
}

// What cannot be acknowledged is told with what can, and changes nothing.
func TestAcknowledge_refused(t *testing.T) {
	q, c := &memory{}, synced()
	r := newReporter(t, boot1, q, c)
	var unknown *UnknownEvent
	if err := r.Acknowledge("x", "alice", ""); !errors.As(err, &unknown) || err.Error() != `event "x": not open; no event is` {
		t.Errorf("got %v", err)
	}
	must(t, r.Event(anomaly(detect.Open, c.now()), theModel))
	if err := r.Acknowledge("x", "alice", ""); err == nil || err.Error() != `event "x": not open; open are gw7-4f2a-e1` {
		t.Errorf("got %v", err)
	}
	q.fail = errDisk
	if err := r.Acknowledge("gw7-4f2a-e1", "alice", ""); !errors.Is(err, errDisk) || r.Active()[0].Ack != nil || len(q.messages) != 1 {
		t.Errorf("a full disk: %v, %+v", err, r.Active()[0].Ack)
	}
	many := &UnknownEvent{ID: "x", Open: strings.Split(strings.Repeat("e,", 99)+"e", ",")}
	if s := many.Error(); !strings.HasSuffix(s, "and 80 more") {
		t.Error(s)
	}
}

// An acknowledgement of a time when the clock was not set is dated later.
func TestAcknowledge_dated(t *testing.T) {
	q, c := &memory{}, &clocks{base: time.Now(), uptime: time.Minute, quality: Unset}
	r := newReporter(t, boot1, q, c)
	must(t, r.Event(anomaly(detect.Open, c.now()), theModel))
	must(t, r.Acknowledge("gw7-4f2a-e1", "alice", ""))
	if a := ackOf(t, q.last()); a.Acknowledged == nil || a.Acknowledged.Time != nil {
		t.Errorf("told %s", q.last())
	}
	c.quality = Synced
	must(t, r.Event(anomaly(detect.Close, c.now()), theModel))
	if a := ackOf(t, q.last()); a.Acknowledged == nil || a.Acknowledged.Time == nil {
		t.Errorf("told %s", q.last())
	}
}

// TestGolden_acknowledged: the payloads keep the schemas, which TestSchema_golden checks.
func TestGolden_acknowledged(t *testing.T) {
	q := &memory{}
	r, err := New(device(boot1), q, steady(Synced))
	must(t, err)
	must(t, r.Event(anomaly(detect.Open, noon), theModel))
	must(t, r.Acknowledge("gw7-4f2a-e1", "alice", "on my way"))
	golden(t, "event_acknowledged", q.last())
	golden(t, "state_acknowledged", r.MachineState(MachineStatus{Machine: "pump1", State: "anomaly", Score: 1.83, Since: noon, MutedUntil: noon.Add(time.Hour), MutedBy: "alice (mqtt)"}))
	ev := detect.Event{Kind: detect.Alert, Key: "command", Severity: detect.Warning, Time: noon, Since: noon, Score: math.NaN(), Peak: math.NaN(), Reason: "command ack e1 over MQTT: accepted"}
	must(t, r.Incident(ev))
	golden(t, "event_incident", q.last())
	if got := len(r.Active()); got != 1 || len(q.messages) != 4 {
		t.Errorf("%d events are open after %d messages", got, len(q.messages))
	}
}

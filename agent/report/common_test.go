package report

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"iot-edge-anomaly/agent/detect"
)

func limitOf(machine, channel int, state detect.State, now time.Time) detect.Event {
	name := fmt.Sprintf("s%d.c%d", machine, channel)
	return detect.Event{Machine: fmt.Sprint("m", machine), Kind: detect.LimitExceeded, Key: name, State: state, Severity: detect.Critical, Score: 1.2, Peak: 1.2,
		Time: now, Since: now, Causes: []detect.Cause{{Channel: name, Share: 1}}}
}

// Twelve machines of three channels: one event tells them all, beside theirs. It grows,
// outlives a restart and ends with the last of them.
func TestCommon(t *testing.T) {
	q, c := &memory{}, synced()
	r := newReporter(t, boot1, q, c)
	for m := range 12 {
		for ch := range 3 {
			must(t, r.Event(limitOf(m, ch, detect.Open, c.now()), ModelRef{}))
		}
		c.passed += 100 * time.Millisecond
	}
	if n := len(r.Active()); n != 36+1 {
		t.Fatalf("%d open events", n)
	}
	var group parsed
	for i := range q.messages {
		if p := parse(t, q.messages[i].Payload); p.Kind == "alert" {
			if group.Event != "" {
				t.Errorf("told twice within a second: %s", q.messages[i].Payload)
			}
			group = p
		}
	}
	if group.State != "open" || group.Source != "common" || group.Machine != "" || group.Severity != "critical" || group.Detail != "8 channels on 3 machines at the same time: look for a common cause" {
		t.Errorf("got %+v", group)
	}
	c.passed += time.Minute
	must(t, r.Tell())
	must(t, r.Tell())
	if p := parse(t, q.last()); p.State != "update" || p.Event != group.Event || p.Detail != "36 channels on 12 machines at the same time: look for a common cause" || len(q.messages) != 38 {
		t.Errorf("got %s", q.last())
	}
	must(t, r.Event(limitOf(50, 0, detect.Open, c.now()), ModelRef{})) // much later: of its own
	r = newReporter(t, boot1, q, c)
	must(t, r.Event(limitOf(50, 0, detect.Close, c.now()), ModelRef{}))
	for m := range 12 {
		for ch := range 3 {
			must(t, r.Event(limitOf(m, ch, detect.Close, c.now()), ModelRef{}))
			if m == 0 && ch == 0 {
				if p := parse(t, q.last()); p.Event != "gw7-4f2a-e1" || !strings.Contains(string(q.last()), `"group":"`+group.Event+`"`) {
					t.Errorf("got %s", q.last())
				}
			}
		}
	}
	if p := parse(t, q.last()); p.Kind != "alert" || p.State != "close" || p.Event != group.Event || len(r.Active()) != 0 {
		t.Errorf("got %s", q.last())
	}
	if _, err := checkStream(q.messages); err != nil {
		t.Error(err)
	}
}

// Many channels of one machine, few of many, and many of many one after the other have
// no common cause.
func TestCommon_not(t *testing.T) {
	for name, c := range map[string]struct {
		machines, channels int
		pause              time.Duration
	}{"one machine": {1, 100, 0}, "few channels": {7, 1, 0}, "slowly": {20, 1, time.Second}} {
		q, clock := &memory{}, synced()
		r := newReporter(t, boot1, q, clock)
		for m := range c.machines {
			for ch := range c.channels {
				must(t, r.Event(limitOf(m, ch, detect.Open, clock.now()), ModelRef{}))
				clock.passed += c.pause
			}
		}
		if n := len(r.Active()); n != c.machines*c.channels {
			t.Errorf("%s: %d open events", name, n)
		}
	}
}

// While too much is written, updates wait; an open, a close and a rise of the severity
// do not. The newest update is told afterwards, none twice.
func TestSpare(t *testing.T) {
	q, c := &memory{}, synced()
	r := newReporter(t, boot1, q, c)
	r.Spare(true)
	must(t, r.Event(anomaly(detect.Open, c.now()), theModel))
	for i := range 10 {
		ev := anomaly(detect.Update, c.now())
		ev.Score = 2 + float64(i)
		must(t, r.Event(ev, theModel))
		must(t, r.Tell())
	}
	if len(q.messages) != 1 || r.Merged() != 10 || r.Active()[0].Score != 11 {
		t.Errorf("%d messages, %d merged, %+v", len(q.messages), r.Merged(), r.Active()[0])
	}
	ev := anomaly(detect.Update, c.now())
	ev.Severity = detect.Critical
	must(t, r.Event(ev, theModel))
	if p := parse(t, q.last()); p.State != "update" || p.Severity != "critical" {
		t.Errorf("got %s", q.last())
	}
	ev.Score = 7
	must(t, r.Event(ev, theModel))
	r.Spare(false)
	must(t, r.Tell())
	must(t, r.Tell())
	if p := parse(t, q.last()); p.State != "update" || *p.Score != 7 || len(q.messages) != 3 {
		t.Errorf("%d messages, got %s", len(q.messages), q.last())
	}
	r.Spare(true)
	must(t, r.Event(ev, theModel))
	must(t, r.Event(anomaly(detect.Close, c.now()), theModel))
	must(t, r.Tell())
	if p := parse(t, q.last()); p.State != "close" || len(q.messages) != 4 {
		t.Errorf("got %s", q.last())
	}
}

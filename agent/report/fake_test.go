package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"iot-edge-anomaly/agent/detect"
	"iot-edge-anomaly/agent/spool"
)

const boot1, boot2 = "4f2a6c1e-0d5b-4b7e-9f7a-1c2d3e4f5a6b", "9b01aaaa-1111-4222-8333-444455556666"

func device(boot string) Device {
	return Device{Site: "plant-3", Device: "gw7", Boot: boot, Topic: "iot-edge-anomaly/plant-3/gw7"}
}

// memory is a queue that survives a Reporter: message and state in one step.
type memory struct {
	seq      uint64
	state    []spool.Pair
	messages []spool.Message
	fail     error // what the next Append returns
}

var errDisk = errors.New("no space left on device")

func (q *memory) Append(build func(seq uint64) (spool.Message, error)) error {
	if err := q.fail; err != nil {
		q.fail = nil
		return err
	}
	m, err := build(q.seq + 1)
	if err != nil {
		return err
	}
	q.seq++
	q.messages = append(q.messages, m)
	i := slices.IndexFunc(q.state, func(p spool.Pair) bool { return p.Key == m.Key })
	switch {
	case m.Value == nil && i >= 0:
		q.state = slices.Delete(q.state, i, i+1)
	case m.Value == nil:
	case i >= 0:
		q.state[i].Value = m.Value
	default:
		q.state = append(q.state, spool.Pair{Key: m.Key, Value: m.Value})
	}
	return nil
}

func (q *memory) State() []spool.Pair        { return slices.Clone(q.state) }
func (q *memory) Restate(state []spool.Pair) { q.state = state }

// finished is message i as it is published.
func (q *memory) finished(t testing.TB, i int, resent bool, boot string, c Clock) []byte {
	t.Helper()
	m := q.messages[i]
	n, ok := parseNote(m.Note, len(m.Payload))
	if !ok {
		t.Fatalf("message %d has note %x", i, m.Note)
	}
	return n.finish(m.Payload, resent, boot, c)
}

func (q *memory) last() []byte { return q.messages[len(q.messages)-1].Payload }

// parsed is a message as a consumer reads it.
type parsed struct {
	ID       string   `json:"id"`
	Seq      uint64   `json:"seq"`
	Boot     string   `json:"boot"`
	Machine  string   `json:"machine"`
	Kind     string   `json:"kind"`
	Source   string   `json:"source"`
	State    string   `json:"state"`
	Event    string   `json:"event"`
	Resent   bool     `json:"resent"`
	Time     *string  `json:"time"`
	Uptime   *float64 `json:"uptime_s"`
	Quality  string   `json:"time_quality"`
	Since    *string  `json:"since"`
	SinceUp  *float64 `json:"since_uptime_s"`
	Severity string   `json:"severity"`
	Score    *float64 `json:"score"`
	Peak     *float64 `json:"peak"`
	Missing  []string `json:"missing"`
	Detail   string   `json:"detail"`
	Until    *string  `json:"until"`
	UntilUp  *float64 `json:"until_uptime_s"`
	Duration *float64 `json:"duration_s"`
	Reason   string   `json:"reason"`
}

func parse(t testing.TB, b []byte) (p parsed) {
	t.Helper()
	if err := json.Unmarshal(b, &p); err != nil {
		t.Fatalf("%v in %s", err, b)
	}
	return p
}

// checkStream holds all messages of a device to what is promised: seq without a
// gap, ids unique, each event one open, updates, at most one close. It returns
// the events not closed.
func checkStream(messages []spool.Message) (open map[string]bool, err error) {
	open, ids, seen := map[string]bool{}, map[string]bool{}, map[string]bool{}
	busy := map[string]string{} // what is open of machine, kind and source
	for i, m := range messages {
		var p parsed
		if err := json.Unmarshal(m.Payload, &p); err != nil {
			return nil, fmt.Errorf("%w in %s", err, m.Payload)
		}
		if p.Seq != uint64(i+1) || ids[p.ID] || m.Topic != "iot-edge-anomaly/plant-3/gw7/event" || m.Retain {
			return nil, fmt.Errorf("message %d: seq %d, id %s, topic %s", i, p.Seq, p.ID, m.Topic)
		}
		ids[p.ID] = true
		what := p.Machine + "|" + p.Kind + "|" + p.Source
		switch p.State {
		case "open":
			if seen[p.Event] || busy[what] != "" {
				return nil, fmt.Errorf("message %d: %s opens twice", i, p.Event)
			}
			seen[p.Event], open[p.Event], busy[what] = true, true, p.Event
		default:
			if !open[p.Event] || busy[what] != p.Event {
				return nil, fmt.Errorf("message %d: %s of %s, which is not open", i, p.State, p.Event)
			}
		}
		if p.State == "close" {
			delete(open, p.Event)
			busy[what] = ""
			if p.Duration != nil && *p.Duration < 0 || p.Reason == "" {
				return nil, fmt.Errorf("message %d: duration %v, reason %q", i, *p.Duration, p.Reason)
			}
		}
	}
	return open, nil
}

// clocks is a gateway's clock under the test's control. Its times carry the
// monotonic reading.
type clocks struct {
	base    time.Time // real, for the monotonic reading
	passed  time.Duration
	uptime  time.Duration // at base
	quality string
}

func (c *clocks) now() time.Time { return c.base.Add(c.passed) }

func (c *clocks) read() Clock {
	return Clock{Now: c.now(), Uptime: c.uptime + c.passed, Quality: c.quality}
}

func newReporter(t testing.TB, boot string, q Queue, c *clocks) *Reporter {
	t.Helper()
	r, err := New(device(boot), q, c.read)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// must fails the test if a step was refused.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func anomaly(state detect.State, now time.Time) detect.Event {
	return detect.Event{Machine: "pump1", Kind: detect.ProcessAnomaly, State: state, Time: now, Since: now.Add(-29123 * time.Millisecond),
		Severity: detect.High, Score: 1.8333333, Peak: 2.4, Percentile: 99.99996,
		Causes: []detect.Cause{{Channel: "pump.current", Unit: "A", Share: 0.61, Value: 4.2, Expected: 3.1, Direction: "above"}}}
}

var theModel = ModelRef{Version: "2026-11-20T10:00:00Z-1", SHA256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}

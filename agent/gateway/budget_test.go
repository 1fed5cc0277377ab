package gateway

import (
	"strings"
	"testing"
	"time"

	"iot-edge-anomaly/agent/detect"
	"iot-edge-anomaly/agent/spool"
)

// A day of writing without end, of which a tenth goes on regardless: while the budget
// is exceeded only that is written. The day takes no more than it allows, and what is
// merged is told again when there is room.
func TestBudget(t *testing.T) {
	const perDay = 50e6
	var b budget
	at, written, changes := time.Now(), uint64(0), 0
	for range 24 * 3600 * 2 {
		at = at.Add(500 * time.Millisecond)
		if written += 100; !b.over {
			written += 50_000
		}
		if _, changed := b.look(at, written, perDay); changed {
			changes++
		}
	}
	if written > perDay || written < perDay*9/10 {
		t.Errorf("%d bytes in a day", written)
	}
	if changes < 2 || changes > 100 {
		t.Errorf("said %d times", changes)
	}
	used, _ := b.look(at.Add(24*time.Hour), written, perDay)
	if used != 0 || b.over {
		t.Errorf("after a day of rest: %g used, over %v", used, b.over)
	}
}

// A loss is told with its numbers, those that follow soon as updates, and messages
// that are dropped one after the other once.
func TestLosses(t *testing.T) {
	var l losses
	var s spool.Stats
	now := time.Now()
	step := func(after time.Duration) (string, string) {
		now = now.Add(after)
		if ev, ok := l.tell(&s, now); ok {
			return string(ev.State), ev.Reason
		}
		return "", ""
	}
	if state, _ := step(0); state != "" {
		t.Error("told of nothing")
	}
	s.Corrupt, s.LastLoss = 3, "3 messages of the queue are lost, numbers 812 to 814: a segment is damaged"
	if state, reason := step(time.Second); state != string(detect.Open) || reason != s.LastLoss {
		t.Errorf("%s: %s", state, reason)
	}
	s.Dropped = 5
	if state, _ := step(time.Second); state != "" {
		t.Errorf("%s of what is dropped while the alert is open", state)
	}
	if state, _ := step(59 * time.Minute); state != "" {
		t.Errorf("%s within the hour", state)
	}
	if state, _ := step(time.Minute); state != string(detect.Close) {
		t.Errorf("after an hour: %q", state)
	}
	g := &Gateway{alerts: map[string]bool{}, losses: l}
	if ev := (detect.Event{Kind: detect.Alert, Key: lossKey}); g.resume(nil, ev) {
		t.Error("an alert that is not open goes on after a reload")
	}
	s.Dropped = 12
	if state, reason := step(time.Minute); state != string(detect.Open) || !strings.HasPrefix(reason, "7 messages") {
		t.Errorf("%s: %s", state, reason)
	}
	g.losses = l
	if ev := (detect.Event{Kind: detect.Alert, Key: lossKey}); !g.resume(nil, ev) {
		t.Error("a reload ends the alert")
	}
}

package gateway

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"iot-edge-anomaly/agent/config"
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

// However often the agent starts anew, a day takes no more than it allows. What is kept is
// written now and then, and what cannot be read counts as used.
func TestBudget_restarts(t *testing.T) {
	const perDay = 50e6
	dir, at, total, kept := t.TempDir(), time.Now(), uint64(0), 0
	g := &Gateway{cfg: &config.Config{State: dir}}
	for start := 0; start < 24*60; start++ { // one a minute, each is killed
		var err error
		if g.budget, err = loadBudget(dir, perDay, at); err != nil {
			t.Fatal(err)
		}
		for i, written := 0, uint64(0); i < 120; i++ {
			at = at.Add(500 * time.Millisecond)
			if !g.budget.over {
				written, total = written+20_000, total+20_000
			}
			g.budget.look(at, written, perDay)
			if g.budget.due(at, perDay) {
				g.keepBudget(at, false, func(write func()) { write() })
				kept++
			}
		}
	}
	if total > perDay*11/10 || total < perDay/2 || kept > 2*24*60 {
		t.Errorf("%d bytes in a day of restarts, kept %d times", total, kept)
	}
	g.keepBudget(at, true, func(write func()) { write() })
	rested, err := loadBudget(dir, perDay, at.Add(24*time.Hour))
	if err != nil || rested.level != 0 {
		t.Errorf("after a day of rest: %g, %v", rested.level, err)
	}
	if early, err := loadBudget(dir, perDay, at.Add(-1000*time.Hour)); err != nil || early.level != early.kept.Level {
		t.Errorf("with a clock that is behind: %g of %g, %v", early.level, early.kept.Level, err)
	}
	for _, text := range []string{"", "{", `{"level": -1}`, `{"level": 1e999}`} {
		if err := os.WriteFile(filepath.Join(dir, budgetFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if b, _ := loadBudget(dir, perDay, at); b.level != perDay/4 {
			t.Errorf("%q: %g", text, b.level)
		}
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
	if state, reason := step(time.Minute); state != string(detect.Close) || reason != "8 messages were lost in all" {
		t.Errorf("after an hour: %q, %q", state, reason)
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

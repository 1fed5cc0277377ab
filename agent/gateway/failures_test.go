package gateway

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"iot-edge-anomaly/agent/detect"
	"iot-edge-anomaly/agent/report"
	"iot-edge-anomaly/agent/spool"
)

// TestFailures: what fails twice a second for a day is 24 lines, another failure in
// between is told at once, and what is remembered is bounded.
func TestFailures(t *testing.T) {
	var w strings.Builder
	log := slog.New(slog.NewTextHandler(&w, nil))
	var f failures
	now := time.Now()
	for i := range 24 * 3600 * 2 {
		f.log(log, "report events", errors.New("no space left"), now)
		if i == 1000 {
			f.log(log, "report events", errors.New("read-only file system"), now)
		}
		now = now.Add(500 * time.Millisecond)
	}
	if a, b := strings.Count(w.String(), "no space left"), strings.Count(w.String(), "read-only"); a != 24 || b != 1 {
		t.Errorf("logged %d and %d times, want 24 and 1", a, b)
	}
	for i := range 100 {
		f.log(log, "report events", fmt.Errorf("message %d", i), now)
	}
	if len(f) != failuresMost {
		t.Errorf("%d are remembered", len(f))
	}
}

// sickQueue takes nothing while it is sick.
type sickQueue struct {
	sick  bool
	taken []string
}

func (q *sickQueue) Append(build func(uint64) (spool.Message, error)) error {
	if q.sick {
		return errors.New("no space left on device")
	}
	m, err := build(uint64(len(q.taken) + 1))
	q.taken = append(q.taken, string(m.Payload))
	return err
}

func (q *sickQueue) State() []spool.Pair  { return nil }
func (q *sickQueue) Restate([]spool.Pair) {}

// TestAlerts_again: an alert whose report fails is told when reports work again, and so
// is its close; the failure is logged once.
func TestAlerts_again(t *testing.T) {
	q, w := &sickQueue{}, &strings.Builder{}
	r, err := report.New(report.Device{Device: "gw7", Boot: "boot", Topic: "p"}, q, Clock)
	if err != nil {
		t.Fatal(err)
	}
	g := &Gateway{reporter: r, alerts: map[string]bool{}, log: slog.New(slog.NewTextHandler(w, nil))}
	var s spool.Stats
	s.Corrupt, s.LastLoss = 1, "3 messages of the queue are lost"
	now := time.Now()
	clash := "another client"
	turns := func() {
		for range 5 {
			now = now.Add(500 * time.Millisecond)
			g.tellLosses(&s, now)
			g.alert(clashKey, clash, detect.High, now)
		}
	}
	want := func(what string, taken, open int) {
		t.Helper()
		if len(q.taken) != taken || len(r.OpenEvents()) != open {
			t.Errorf("%s: %d messages, %d open; want %d, %d\n%s", what, len(q.taken), len(r.OpenEvents()), taken, open, strings.Join(q.taken, "\n"))
		}
	}
	q.sick = true
	turns()
	want("sick", 0, 0)
	q.sick = false
	turns()
	want("well again", 2, 2)
	if !strings.Contains(q.taken[0], s.LastLoss) {
		t.Errorf("told %s", q.taken[0])
	}
	q.sick, clash, now = true, "", now.Add(lossFor)
	turns()
	want("sick at the close", 2, 2)
	if ev := (detect.Event{Kind: detect.Alert, Key: lossKey}); !g.resume(nil, ev) {
		t.Error("a reload ends the alert that is not closed yet")
	}
	q.sick = false
	turns()
	want("closed", 4, 0)
	if n := strings.Count(w.String(), "no space left"); n != 2 {
		t.Errorf("logged %d times in two hours", n)
	}
}

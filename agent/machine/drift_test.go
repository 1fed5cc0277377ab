package machine

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"iot-edge-anomaly/agent/detect"
	"iot-edge-anomaly/agent/judge"
	"iot-edge-anomaly/agent/state"
	"iot-edge-anomaly/model"
)

// slowly feeds rows whose temperature lies by more than it was learnt at, until a
// drift event is told.
func (f *feeder) slowly(rep *collected, by float64) detect.Event {
	f.t.Helper()
	for range 3 * 1440 {
		row := plantRow(f.rnd, f.n, true, 0)
		row[3] += by
		f.push(row)
		for _, ev := range rep.events {
			if ev.Kind == detect.Drift {
				return ev
			}
		}
	}
	f.t.Fatalf("no drift: %+v, events %+v", f.m.Status().Drift, rep.events)
	return detect.Event{}
}

// driftOptions let a window be a day of minutes.
func driftOptions(t *testing.T, rep Reporter) Options {
	o := options(t, rep)
	o.Schema.Period = time.Minute
	o.Learn.Rows.Schema = o.Schema.Hash()
	o.Learn.Rows.SettleRows = 1
	o.State = filepath.Join(t.TempDir(), "drift", "pump1.drift")
	return o
}

func TestDriftSurvivesARestart(t *testing.T) {
	rep := &collected{}
	o := driftOptions(t, rep)
	f := newFeeder(t, o)
	f.learnt()
	if d := f.m.Status().Drift; !math.IsNaN(d.Score) || len(d.Channels) != 4 || !math.IsNaN(d.Channels[3].Score) || math.Abs(d.Channels[3].Learnt.Median-60) > 0.1 {
		t.Errorf("before the first look: %+v", d)
	}
	f.rows(1440, true, 0)
	if d := f.m.Status().Drift; !(d.Score < 0.6) || len(rep.events) > 0 {
		t.Errorf("as learnt: %+v, events %+v", d, rep.events)
	}
	open := f.slowly(rep, 0.2)
	before := f.m.Status().Drift
	if open.State != detect.Open || open.Causes[0].Channel != "temp" || !strings.Contains(open.Reason, "temp: median 60.") ||
		before.Score < model.DriftLine || before.Channels[3].Score < model.DriftLine || before.Channels[1].Score >= model.DriftLine {
		t.Errorf("event %+v, status %+v", open, before)
	}
	n := len(rep.events)

	again := newFeeder(t, o)
	if after := again.m.Status().Drift; after.Score != before.Score || after.Channels[3] != before.Channels[3] {
		t.Errorf("drift %+v after the restart, want %+v", after, before)
	}
	if !again.m.Resume(open) {
		t.Fatal("the open event is not continued")
	}
	for range 500 {
		row := plantRow(again.rnd, again.n, true, 0)
		row[3] += 0.2
		again.push(row)
	}
	for _, ev := range rep.events[n:] {
		if ev.Kind == detect.Drift {
			t.Errorf("the same drift was told again: %+v", ev)
		}
	}

	// Another model: what the first had learnt is no measure any more.
	o.Models = state.OpenModels(filepath.Join(t.TempDir(), "models"))
	anew := newFeeder(t, o)
	if anew.want(judge.Learning); !anew.m.Resume(open) || rep.events[len(rep.events)-1].Reason != detect.ReasonRelearn {
		t.Errorf("while it is learnt anew: %+v", rep.events[len(rep.events)-1])
	}
	anew.n = 100_000 // other rows, another model
	anew.learnt()
	later := newFeeder(t, o)
	if !later.m.Resume(open) {
		t.Error("the event is left to nobody")
	}
	if end := rep.events[len(rep.events)-1]; end.State != detect.Close || end.Kind != detect.Drift || end.Reason != detect.ReasonRelearn || end.Until.IsZero() {
		t.Errorf("learnt anew: %+v", end)
	}
	if d := later.m.Status().Drift; !math.IsNaN(d.Score) {
		t.Errorf("drift of a new model: %+v", d)
	}
}

// TestStateFileDamaged: a state that cannot be read is no reason to stand still.
func TestStateFileDamaged(t *testing.T) {
	rep := &collected{}
	o := driftOptions(t, rep)
	f := newFeeder(t, o)
	f.learnt()
	f.slowly(rep, 0.2)
	raw, err := os.ReadFile(o.State)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(raw); i += 101 {
		raw[i] ^= 4
		if err := f.m.judge.Restore(raw, clockSet); err == nil {
			t.Fatalf("a flipped bit in byte %d is not seen", i)
		}
		raw[i] ^= 4
	}
	if err := os.WriteFile(o.State, raw[:len(raw)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	again := newFeeder(t, o)
	if again.want(judge.Normal); !math.IsNaN(again.m.Status().Drift.Score) {
		t.Error("half a state was taken")
	}
	rep.events = nil
	again.slowly(rep, 0.2)
}

// TestLevelShiftBecomesDrift: through limits, scorer, detector and report, with
// the machine's state following.
func TestLevelShiftBecomesDrift(t *testing.T) {
	rep := &collected{}
	o := driftOptions(t, rep)
	o.Policy.DriftAfter = 10 * time.Minute
	f := newFeeder(t, o)
	f.learnt()
	f.watching()
	f.until(judge.Anomaly, -6)
	f.rows(700, true, -6) // a second apart
	n := len(rep.events)
	if n < 3 || rep.events[0].Kind != detect.ProcessAnomaly || rep.events[n-1].Kind != detect.Drift || rep.events[n-1].State != detect.Open {
		t.Fatalf("events %+v", rep.events)
	}
	end := rep.events[n-2]
	if end.Kind != detect.ProcessAnomaly || end.State != detect.Close || end.Reason != detect.ReasonDrift || rep.events[n-1].Causes[0].Channel != "flow" {
		t.Errorf("closes with %+v, then %+v", end, rep.events[n-1])
	}
	f.want(judge.Drifted)
	if s := f.m.Status(); s.Score >= 1 || s.Drift.Score < model.DriftLine {
		t.Errorf("score %v, drift %+v", s.Score, s.Drift)
	}
	v := f.m.judge.Push(f.at.Add(time.Second), plantRow(f.rnd, f.n, true, -6))
	if v.Score.Value <= 1 || v.Seen >= 1 || v.Seen <= 0 {
		t.Errorf("score %v in learnt thresholds, seen as %v", v.Score.Value, v.Seen)
	}
	f.at = f.at.Add(time.Second)
	high := f.m.Status().Drift.Score
	f.rows(700, true, 0) // less than a look at drift takes
	if now := f.m.Status().Drift.Score; now >= model.DriftLine || now >= high {
		t.Errorf("drift %v while the level was high, %v after it fell: want it to follow each row", high, now)
	}
	f.until(judge.Anomaly, -20)
}

// TestMutedAnomalyIsNoDrift: what a mute window keeps silent, as a machine that is
// cleaned, must not come back as drift.
func TestMutedAnomalyIsNoDrift(t *testing.T) {
	rep := &collected{}
	o := driftOptions(t, rep)
	o.Policy.Mute = []detect.MuteWindow{{From: 0, To: 1440}}
	f := newFeeder(t, o)
	f.learnt()
	f.watching()
	f.rows(10, true, -6) // until it is under way
	before := f.m.Status().Drift.Score
	f.rows(700, true, -6)
	s := f.m.Status()
	if s.Note != detect.SilentMuted || len(rep.events) > 0 {
		t.Fatalf("note %q, events %+v", s.Note, rep.events)
	}
	if d := s.Drift.Score; d != before && !(math.IsNaN(d) && math.IsNaN(before)) {
		t.Errorf("drift %v after rows of an anomaly, %v before", d, before)
	}
}

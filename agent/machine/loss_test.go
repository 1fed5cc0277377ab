package machine

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"iot-edge-anomaly/agent/detect"
	"iot-edge-anomaly/agent/judge"
	"iot-edge-anomaly/agent/state"
)

// alerts are the events of one alert.
func (c *collected) alerts(key string) (out []detect.Event) {
	for _, ev := range c.events {
		if ev.Kind == detect.Alert && ev.Key == key {
			out = append(out, ev)
		}
	}
	return out
}

// TestLostLearningRowsAreTold: a flipped byte costs its block and no other row; the loss
// is counted and told once, goes on over a restart, and is over when the machine is
// learnt.
func TestLostLearningRowsAreTold(t *testing.T) {
	rep := &collected{}
	o := options(t, rep)
	f := newFeeder(t, o)
	for range 3 {
		f.rows(60, true, 0)
		if err := f.m.rows.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	have := f.m.rows.Have()
	b, err := os.ReadFile(o.Learn.Rows.Path)
	if err != nil {
		t.Fatal(err)
	}
	b[300] ^= 1
	if err := os.WriteFile(o.Learn.Rows.Path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	f = newFeeder(t, o)
	f.rows(1, true, 0)
	s := f.m.Status()
	if want := "60 of 400 learning rows of pump1 are lost"; s.RowsLost != 60 || !strings.HasPrefix(s.Loss, want) {
		t.Errorf("%d rows lost, %q; want %q", s.RowsLost, s.Loss, want)
	}
	if left := f.m.rows.Have(); left > have-57 || left < have-60 {
		t.Errorf("%d rows left, want %d of %d", left, have-60, have)
	}
	told := rep.alerts(lossKey)
	if len(told) != 1 || told[0].State != detect.Open || told[0].Reason != s.Loss || told[0].Machine != "pump1" {
		t.Fatalf("told %+v", told)
	}

	f = newFeeder(t, o) // the file is mended
	if !f.m.Resume(told[0]) {
		t.Error("nobody continues the alert after a restart")
	}
	f.rows(1, true, 0)
	if s := f.m.Status(); s.Loss != told[0].Reason || s.RowsLost != 0 || len(rep.alerts(lossKey)) != 1 {
		t.Errorf("after a restart: %q, %d rows, told %d times", s.Loss, s.RowsLost, len(rep.alerts(lossKey)))
	}
	f.learnt()
	if told := rep.alerts(lossKey); len(told) != 2 || told[1].State != detect.Close || f.m.Status().Loss != "" {
		t.Errorf("learnt: %+v", told)
	}
	if f.m.Resume(told[0]) {
		t.Error("a machine that has learnt continues the alert")
	}
}

// TestLearnFileGoneBeforeTraining: the rows are on disk only. If they are gone when the
// machine's turn comes, it collects others and tells of it.
func TestLearnFileGoneBeforeTraining(t *testing.T) {
	rep := &collected{}
	o := options(t, rep)
	o.Learn.Turns = new(Turns)
	before := o.Learn.Turns.join()
	f := newFeeder(t, o)
	for f.m.training == nil {
		f.rows(1, true, 0)
	}
	<-f.m.flushed
	f.rows(1, true, 0)
	if s := f.m.Status(); s.Learning.Phase != "waiting" || s.Note != "2nd of 2" {
		t.Errorf("%+v, note %q", s.Learning, s.Note)
	}
	if err := os.RemoveAll(filepath.Dir(o.Learn.Rows.Path)); err != nil {
		t.Fatal(err)
	}
	before.leave(true)
	f.await()
	f.rows(1, true, 0)
	if s := f.m.Status(); s.Learning.Phase != "collecting" || s.RowsLost < 390 || len(rep.alerts(lossKey)) != 1 {
		t.Fatalf("%+v, %d rows lost, told %+v", s.Learning, s.RowsLost, rep.alerts(lossKey))
	}
	f.learnt()
	f.watching()
	f.want(judge.Normal)
}

// TestVanishedModelIsTold: a machine that had a model is learnt anew, and not in silence.
func TestVanishedModelIsTold(t *testing.T) {
	rep := &collected{}
	o := options(t, rep)
	dir := t.TempDir()
	o.Models = state.OpenModels(filepath.Join(dir, "models"))
	o.State = filepath.Join(dir, "judge", "pump1.state")
	o.Learn.History = o.State
	f := newFeeder(t, o)
	if s := f.m.Status(); s.Problem != "" {
		t.Fatalf("the first time: %q", s.Problem)
	}
	f.learnt() // and no orderly stop
	if err := os.RemoveAll(filepath.Join(dir, "models")); err != nil {
		t.Fatal(err)
	}
	f = newFeeder(t, o)
	f.m.tellProblem() // Run does
	f.rows(1, true, 0)
	f.want(judge.Learning)
	told := rep.alerts(alertKey)
	if s := f.m.Status(); !strings.Contains(s.Problem, "the model that judged it is gone") || len(told) != 1 || told[0].Reason != s.Problem {
		t.Errorf("problem %q, told %+v", s.Problem, told)
	}
	f.learnt()
	if told := rep.alerts(alertKey); len(told) != 2 || told[1].State != detect.Close {
		t.Errorf("learnt: %+v", told)
	}
	if slices.ContainsFunc(rep.events, func(ev detect.Event) bool { return ev.Kind == detect.ProcessAnomaly }) {
		t.Errorf("events %+v", rep.events)
	}
}

package main

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"iot-edge-anomaly/model"
)

// minutes is a recording of n rows, a minute apart; those of the spans are labelled.
func minutes(n int, labelled ...span) (r recording) {
	r.schema = model.Schema{Period: time.Minute, Channels: named("a", "b")}
	for i := range n {
		at := float64(60 * i)
		anomalous := false
		for _, s := range labelled {
			anomalous = anomalous || float64(i) >= s.from && float64(i) <= s.to
		}
		r.at = append(r.at, at)
		r.truth.anomalous, r.truth.scored = append(r.truth.anomalous, anomalous), append(r.truth.scored, i >= 10)
		r.rows = append(r.rows, 1, 2)
	}
	return r
}

// TestCount: labels two minutes apart are one event; alarms three minutes apart are one
// alarm, which is false if it touches no event; an event during which an alarm was open
// is found, and counts as new only if the alarm began inside it.
func TestCount(t *testing.T) {
	r := minutes(100, span{2, 4}, span{20, 22}, span{24, 26}, span{50, 60}, span{90, 95})
	r.faults = []fault{{1200, 1560, "b"}, {3000, 3600, "a"}, {5400, 5700, "a"}}
	w := watching{score: make([]float64, 100), alarms: []alarm{
		{21 * 60, 23 * 60, "b"}, {48 * 60, 53 * 60, "b"}, {70 * 60, 72 * 60, "a"}, {74 * 60, 75 * 60, "a"}, {91 * 60, math.Inf(1), "b"}}}
	w.score[40], w.score[41], w.score[21] = 2, 2, 3
	o := r.count(w, &protocol{mergeLabel: 120, mergeAlarm: 180})
	if o.events != 3 || o.found != 3 || o.fresh != 2 || o.wrong != 1 || o.right != 1 {
		t.Errorf("%d events, %d found, %d new, %d false, %d causes right: want 3, 3, 2, 1, 1", o.events, o.found, o.fresh, o.wrong, o.right)
	}
	const normal = 90 - 7 - 11 - 6 // minutes
	if got := o.months * 30 * 1440; math.Abs(got-normal) > 1e-9 {
		t.Errorf("%g normal minutes, want %d", got, normal)
	}
	if want := 100 * 2.0 / (normal + 1); math.Abs(o.flagged-want) > 1e-9 { // the row between two labels is not labelled
		t.Errorf("%g %% of normal rows flagged, want %g", o.flagged, want)
	}
	if math.Abs(o.late-1.0/60) > 1e-9 {
		t.Errorf("found after %g h, want a minute", o.late)
	}
}

// TestCount_withoutLabels: false alarms alone are counted.
func TestCount_withoutLabels(t *testing.T) {
	r := minutes(100)
	o := r.count(watching{score: make([]float64, 100), alarms: []alarm{{20 * 60, 30 * 60, "a"}}}, &protocol{})
	if o.wrong != 1 || o.events != 0 || !math.IsNaN(o.auc) || !math.IsNaN(o.late) {
		t.Errorf("%+v", o)
	}
	if text := fieldText("x", []outcome{o}, 0); strings.Contains(text, "NaN") {
		t.Errorf("a line with NaN: %s", text)
	}
}

// TestSecondScorer lets the other scorer count what TestCount counts.
func TestSecondScorer(t *testing.T) {
	script := os.Getenv("EVAL")
	if script == "" {
		script = "../../../shared/eval/score.py"
	}
	if _, err := os.Stat(script); err != nil {
		t.Skip("no second scorer: " + err.Error())
	}
	b := &bench{script: script, tmp: t.TempDir()}
	r := minutes(100, span{2, 4}, span{20, 22}, span{24, 26}, span{50, 60}, span{90, 95})
	r.name = "a.csv"
	for i := range r.at {
		r.times = append(r.times, time.Unix(int64(60*i), 0).UTC().Format("2006-01-02T15:04:05"))
	}
	w := watching{score: make([]float64, 100), alarms: []alarm{{21 * 60, 23 * 60, "b"}, {48 * 60, 53 * 60, "b"}, {70 * 60, 72 * 60, "a"}, {74 * 60, 75 * 60, "a"}}}
	for i := range w.score {
		w.score[i] = float64(i*37%91) / 60
	}
	w.score[30] = math.NaN()
	p := &protocol{mergeLabel: 120, mergeAlarm: 180}
	if err := b.recount(&r, w, p, r.count(w, p), true); err != nil {
		t.Error(err)
	}
	if err := b.recount(&r, w, p, r.count(w, p), false); err != nil {
		t.Error(err)
	}
}

// TestShippedOn learns and scores a recording as the verbs do, and finds an offset.
func TestShippedOn(t *testing.T) {
	const n, learn = 1200, 600
	v := cycle()
	r := recording{file: file{name: "a.csv", schema: v.schema, rows: v.rows(0, n, 1)}}
	r.train = r.rows[:learn*4]
	for i := range n {
		r.times = append(r.times, time.Unix(int64(10*i), 0).UTC().Format("2006-01-02T15:04:05"))
		r.at = append(r.at, float64(10*i))
		r.truth.anomalous, r.truth.scored = append(r.truth.anomalous, i >= 900 && i < 1000), append(r.truth.scored, i >= learn)
		if i >= 900 && i < 1000 {
			r.rows[4*i+3] += 60
		}
	}
	r.schema.RunWhen = &model.Condition{Channel: "speed", Above: 0, Below: math.NaN()}
	r.faults = []fault{{9000, 9990, "temp"}}
	b := &bench{tmp: t.TempDir()}
	w, err := b.shippedOn(&r, 1)
	if err != nil {
		t.Fatal(err)
	}
	if o := r.count(w, &protocol{}); o.fresh != 1 || o.right != 1 || len(w.score) != n || w.report == nil {
		t.Errorf("%+v of %d scores", o, len(w.score))
	}
}

// TestRecording cuts the rows of a protocol, and says what is wrong with its files.
func TestRecording(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{
		"wind/protocol.json": `{"sample_period_s": 600, "files": {"a.csv": {"train_rows": 2, "faults": [["1970-01-01T00:20:00", "1970-01-01T00:30:00", "x"]]}}}`,
		"wind/input/a.csv":   "timestamp,x\n1970-01-01T00:00:00,1\n1970-01-01T00:10:00,\n1970-01-01T00:20:00,3\n1970-01-01T00:30:00,4\n",
		"wind/labels/a.csv":  "timestamp,label,eval\n1970-01-01T00:00:00,0,1\n1970-01-01T00:10:00,0,1\n1970-01-01T00:20:00,1,1\n1970-01-01T00:30:00,0,1\n",
	} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p := protocol{set: "wind", first: 1, learn: 1}
	r, err := p.recording(root)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.at) != 3 || r.at[0] != 600 || len(r.train) != 1 || r.truth.scored[0] || !r.truth.scored[1] || len(r.faults) != 1 || r.faults[0] != (fault{1200, 1800, "x"}) {
		t.Errorf("%+v", r)
	}
	p.learn = 3
	if _, err := p.recording(root); err == nil || !strings.Contains(err.Error(), "want more than") {
		t.Errorf("more rows than there are: %v", err)
	}
	for _, bad := range []string{`["1970-01-01T00:20:00", 2, "x"]`, `["then", "1970-01-01T00:20:00", "x"]`, `["1970-01-01T00:20:00", "then", "x"]`, `["x"]`} {
		text, err := json.Marshal(map[string]any{"files": map[string]any{"a.csv": map[string]any{"faults": []json.RawMessage{json.RawMessage(bad)}}}})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, "wind/protocol.json"), text, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := faultsOf(filepath.Join(root, "wind"), "a.csv"); err == nil || !strings.Contains(err.Error(), "fault") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestRegimes(t *testing.T) {
	if got := regimes([]string{"a never changed", "rows 5 to 9 are another regime", "no regime"}); got != "rows 5 to 9 are another regime; no regime" {
		t.Error(got)
	}
}

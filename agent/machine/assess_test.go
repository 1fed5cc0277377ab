package machine

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"iot-edge-anomaly/agent/detect"
	"iot-edge-anomaly/agent/judge"
	"iot-edge-anomaly/agent/state"
	"iot-edge-anomaly/model"
)

// alertOf is the newest step of the alert about the model; nil if there was none.
func (c *collected) alertOf() *detect.Event {
	for i := len(c.events) - 1; i >= 0; i-- {
		if c.events[i].Kind == detect.Alert {
			return &c.events[i]
		}
	}
	return nil
}

// begun is the machine as Run begins it.
func begun(t *testing.T, o Options) (*feeder, *collected) {
	t.Helper()
	rep := &collected{}
	o.Report = rep
	f := newFeeder(t, o)
	f.m.judge.Settle()
	f.m.tellProblem()
	return f, rep
}

// TestAssess goes through every way in which a model can fail to fit, and holds that
// what is foretold is what New does.
func TestAssess(t *testing.T) {
	base := options(t, &collected{})
	newFeeder(t, base).learnt()
	newFeeder(t, base).want(judge.Normal)
	dir := base.Models.Versions()
	if len(dir) != 1 {
		t.Fatalf("versions %v", dir)
	}
	folder := filepath.Join(filepath.Dir(base.Learn.Rows.Path), "..", "models")
	whole, err := os.ReadFile(filepath.Join(folder, dir[0]+state.Ext))
	if err != nil {
		t.Fatal(err)
	}
	channels := func(o *Options, names ...string) {
		o.Schema.Channels = nil
		for _, n := range names {
			name, unit, _ := strings.Cut(n, " ")
			o.Schema.Channels = append(o.Schema.Channels, model.Channel{Name: name, Unit: unit})
		}
		o.Policy.Channels, o.Limits = o.Schema.Channels, nil
		o.Sensors = slices.Repeat([]string{"a"}, len(names))
		o.Learn.Rows.Channels, o.Learn.Rows.Schema = len(names), o.Schema.Hash()
	}
	write := func(name string, data []byte) func(*testing.T, *Options, string) {
		return func(t *testing.T, _ *Options, models string) {
			if err := os.WriteFile(filepath.Join(models, name), data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	only := func(change func(o *Options)) func(*testing.T, *Options, string) {
		return func(_ *testing.T, o *Options, _ string) { change(o) }
	}
	current := dir[0] + state.Ext
	for _, c := range []struct {
		name    string
		do      func(t *testing.T, o *Options, models string)
		state   judge.State
		learns  bool
		problem string // in it; "" = none
	}{
		{"as learnt", only(func(*Options) {}), judge.Normal, false, ""},
		{"another order", only(func(o *Options) { channels(o, "temp", "current", "flow", "speed") }), judge.Normal, false, ""},
		{"a channel more", only(func(o *Options) { channels(o, "speed", "flow", "current", "temp", "noise") }), judge.Normal, true, "added since it was learnt: noise"},
		{"a channel less", only(func(o *Options) { channels(o, "speed", "current", "temp") }), judge.Normal, true, "removed since it was learnt: flow"},
		{"a channel renamed", only(func(o *Options) { channels(o, "speed", "throughput", "current", "temp") }), judge.Normal, true, "removed since it was learnt: flow; added since it was learnt: throughput"},
		{"a channel less, kept so", only(func(o *Options) { channels(o, "speed", "current", "temp"); o.Learn.OnChange = false }), judge.Normal, false, "removed since it was learnt: flow"},
		{"three channels less", only(func(o *Options) { channels(o, "speed", "a", "b", "c") }), judge.Learning, true, "3 of its 4 channels are not configured"},
		{"of another machine", only(func(o *Options) { channels(o, "a", "b", "c"); o.Schema.RunWhen = nil }), judge.Learning, true, "model does not fit"},
		{"another period", only(func(o *Options) { o.Schema.Period = 2 * time.Second }), judge.Learning, true, "period: learnt 1s, configured 2s"},
		{"another period, kept so", only(func(o *Options) { o.Schema.Period = 2 * time.Second; o.Learn.OnChange = false }), judge.Blind, false, "period: learnt 1s, configured 2s"},
		{"another run_when", only(func(o *Options) { r := *o.Schema.RunWhen; r.Above = 7; o.Schema.RunWhen = &r }), judge.Learning, true, "run_when: learnt"},
		{"another period, nothing may be learnt", only(func(o *Options) { o.Schema.Period = 2 * time.Second; o.Learn.Allow = false }), judge.Blind, false, "period: learnt 1s, configured 2s"},
		{"truncated", write(current, whole[:len(whole)/2]), judge.Blind, false, "no model can be used"},
		{"foreign", write(current, []byte("PK\x03\x04 something else")), judge.Blind, false, "no model can be used"},
		{"empty", write(current, nil), judge.Blind, false, "no model can be used"},
		{"a newer one is damaged", write("9999-01-01T00:00:00Z-1"+state.Ext, whole[:1000]), judge.Normal, false, ""},
		{"current is damaged, an older one is whole", func(t *testing.T, o *Options, models string) {
			write("2020-01-01T00:00:00Z-1"+state.Ext, whole)(t, o, models)
			write(current, whole[:1000])(t, o, models)
		}, judge.Normal, false, "judges instead of a newer one"},
		{"current dangles", func(t *testing.T, _ *Options, models string) {
			if err := os.Remove(filepath.Join(models, current)); err != nil {
				t.Fatal(err)
			}
		}, judge.Blind, false, "current points to"},
		{"missing", func(t *testing.T, _ *Options, models string) {
			if err := os.RemoveAll(models); err != nil {
				t.Fatal(err)
			}
		}, judge.Learning, true, ""},
		{"missing, and no model can be kept", func(t *testing.T, o *Options, models string) {
			file := filepath.Join(filepath.Dir(models), "file")
			if err := os.WriteFile(file, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			o.Models = state.OpenModels(filepath.Join(file, "a", "models"))
		}, judge.Learning, true, "the model that it learns cannot be kept: "},
		{"missing, and more channels than a model has", func(t *testing.T, o *Options, models string) {
			var names []string
			for i := range model.MaxChannels + 1 {
				names = append(names, fmt.Sprint("c", i))
			}
			channels(o, names...)
			o.Schema.RunWhen = nil
			if err := os.RemoveAll(models); err != nil {
				t.Fatal(err)
			}
		}, judge.Blind, false, "1025 channels, and a model at most 1024"},
		{"missing, and none may be learnt", func(t *testing.T, o *Options, models string) {
			o.Learn.Allow = false
			if err := os.RemoveAll(models); err != nil {
				t.Fatal(err)
			}
		}, judge.Blind, false, "there is no model"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := base
			models := filepath.Join(t.TempDir(), "models")
			if err := os.CopyFS(models, os.DirFS(folder)); err != nil {
				t.Fatal(err)
			}
			o.Models, o.Learn.OnChange, o.State = state.OpenModels(models), true, ""
			o.Learn.Rows.Path = filepath.Join(t.TempDir(), "rows")
			c.do(t, &o, models)
			a := Assess(o.Models, o.Schema, o.Learn)
			if a.State != c.state || a.Learns != c.learns || !strings.Contains(a.Problem, c.problem) || (a.Problem == "") != (c.problem == "") || (a.Problem == "") != (a.Cure == "") {
				t.Errorf("foretold %s, learns %v, %q, %q", a.State, a.Learns, a.Problem, a.Cure)
			}
			f, rep := begun(t, o)
			if s := f.m.Status(); s.State != a.State || (s.Problem == "") != (a.Problem == "") || f.m.toLearn != a.Learns {
				t.Errorf("starts %s (%s), foretold %s (%s)", s.State, s.Problem, a.State, a.Problem)
			}
			if ev := rep.alertOf(); (ev == nil) != (a.Problem == "") || ev != nil && (ev.State != detect.Open || !strings.Contains(ev.Reason, c.problem)) {
				t.Errorf("alert %+v", ev)
			}
			for range 5 { // whatever it is, rows go on
				f.push(make([]float64, len(o.Schema.Channels)))
			}
		})
	}
}

// TestAssess_periodPutBack: a machine that got another period, was learnt anew, and got
// its period back judges by the version that fits. Nothing is damaged.
func TestAssess_periodPutBack(t *testing.T) {
	o := options(t, &collected{})
	newFeeder(t, o).learnt()
	first := o.Models.Versions()
	next := o
	next.Schema.Period, next.Learn.OnChange, next.State = 2*time.Second, true, ""
	next.Learn.Rows.Schema = next.Schema.Hash()
	newFeeder(t, next).learnt()
	if v := o.Models.Versions(); len(v) != 2 {
		t.Fatalf("versions %v", v)
	}
	a := Assess(o.Models, o.Schema, o.Learn)
	if a.Model == nil || a.Model.Version() != first[0] || a.State != judge.Normal || a.Learns || a.Cure != cureNewer || !strings.Contains(a.Problem, "period: learnt 2s, configured 1s") {
		t.Errorf("%+v, want version %s", a, first[0])
	}
}

// TestGoesOnWithoutAChannel: while it is learnt anew with a channel more and one less,
// the old model finds what it knows, and the new one then judges all.
func TestGoesOnWithoutAChannel(t *testing.T) {
	o := options(t, &collected{})
	newFeeder(t, o).learnt()
	o.Schema.Channels = []model.Channel{{Name: "noise"}, {Name: "speed"}, {Name: "flow"}, {Name: "temp"}} // current is gone
	o.Policy.Channels, o.Learn.OnChange = o.Schema.Channels, true
	o.Limits = nil
	o.Learn.Rows.Schema = o.Schema.Hash()
	f, rep := begun(t, o)
	row := func(bias float64) []float64 {
		p := plantRow(f.rnd, f.n, true, bias)
		return []float64{5 + 0.1*f.rnd.NormFloat64(), p[0], p[1], p[3]}
	}
	for range 150 {
		f.push(row(0))
	}
	f.want(judge.Normal)
	if s := f.m.Status(); math.IsNaN(s.Score) || s.Scored == 0 || !math.IsNaN(s.Expected[0]) || math.IsNaN(s.Expected[2]) || s.Shares[0] != 0 {
		t.Fatalf("score %v, expected %v, shares %v", s.Score, s.Expected, s.Shares)
	}
	have := f.m.rows.Have()
	for range 20 {
		f.push(row(-6))
	}
	f.want(judge.Anomaly)
	var open detect.Event
	for _, ev := range rep.events {
		if ev.Kind == detect.ProcessAnomaly && open.State == "" {
			open = ev
		}
	}
	if open.State != detect.Open || len(open.Missing) != 0 || !slices.ContainsFunc(open.Causes, func(c detect.Cause) bool { return c.Channel == "flow" }) {
		t.Errorf("found %+v", open)
	}
	if learnt := f.m.rows.Have() - have; learnt > 8 {
		t.Errorf("%d rows of the anomaly are learnt", learnt)
	}
	for f.m.problem != "" {
		if f.push(row(0)); f.n > 5000 {
			t.Fatal("is not learnt anew")
		}
		f.await()
	}
	if ev := rep.alertOf(); ev.State != detect.Close {
		t.Errorf("alert %+v", ev)
	}
	if v := o.Models.Versions(); len(v) != 2 {
		t.Errorf("versions %v, want the old one kept", v)
	}
	for range 150 {
		f.push(row(0))
	}
	f.want(judge.Normal)
	if s := f.m.Status(); math.IsNaN(s.Expected[0]) || s.Problem != "" {
		t.Errorf("expected %v, problem %q", s.Expected, s.Problem)
	}
}

// TestAlertOfAnEarlierRun: what was told of the model is closed once it fits again.
func TestAlertOfAnEarlierRun(t *testing.T) {
	o := options(t, &collected{})
	newFeeder(t, o).learnt()
	rep := &collected{}
	o.Report = rep
	f := newFeeder(t, o)
	if !f.m.Resume(detect.Event{Machine: "pump1", Kind: detect.Alert, Key: alertKey, State: detect.Update}) {
		t.Fatal("is left to nobody")
	}
	f.m.tellProblem()
	if ev := rep.alertOf(); ev == nil || ev.State != detect.Close {
		t.Errorf("alert %+v", ev)
	}
}

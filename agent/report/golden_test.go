package report

import (
	"bytes"
	"flag"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"iot-edge-anomaly/agent/detect"
	"iot-edge-anomaly/agent/sampler"
)

var update = flag.Bool("update", false, "write the golden payloads anew")

// golden compares a payload with testdata/name.json, byte for byte.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name+".json")
	if *update {
		must(t, os.WriteFile(path, append(bytes.Clone(got), '\n'), 0o644))
	}
	want, err := os.ReadFile(path)
	must(t, err)
	if !bytes.Equal(bytes.TrimSuffix(want, []byte("\n")), got) {
		t.Errorf("%s:\ngot  %s\nwant %s", name, got, want)
	}
}

// noon has no monotonic reading: the payloads are the same in every run.
var noon = time.Date(2026, 11, 23, 8, 0, 0, 123e6, time.UTC)

func steady(quality string) func() Clock {
	return func() Clock { return Clock{Now: noon, Uptime: 3600123 * time.Millisecond, Quality: quality} }
}

func TestGolden_events(t *testing.T) {
	q := &memory{}
	r, err := New(device(boot1), q, steady(Synced))
	must(t, err)
	step := func(name string, err error) {
		t.Helper()
		must(t, err)
		golden(t, name, q.last())
	}
	ev := anomaly(detect.Open, noon)
	step("event_open", r.Event(ev, theModel))
	ev.State, ev.Score, ev.Peak, ev.Severity = detect.Update, 3.14159265, 3.14159265, detect.Critical
	ev.Missing = []string{"pump.flow"}
	ev.Causes = append(ev.Causes, detect.Cause{Channel: "pump.flow", Unit: "l/min", Share: 0.2, Value: math.NaN(), Expected: math.Inf(1)})
	step("event_update", r.Event(ev, theModel))
	ev.State, ev.Time, ev.Until, ev.Reason = detect.Close, noon.Add(time.Minute), noon.Add(30*time.Second), detect.ReasonNormal
	step("event_close", r.Event(ev, theModel))
	golden(t, "event_resent", q.finished(t, 2, true, boot1, steady(Synced)()))

	lim := detect.Event{Machine: "pump1", Kind: detect.LimitExceeded, Key: "pump.current", State: detect.Open, Time: noon, Since: noon,
		Severity: detect.Critical, Score: 1.25, Peak: 1.25,
		Causes: []detect.Cause{{Channel: "pump.current", Unit: "A", Share: 1, Value: 15.0000001, Expected: 12, Direction: "above"}}}
	step("limit_open", r.Event(lim, ModelRef{}))
	fault := sampler.Fault{Bus: "line", Machine: "pump1", Channels: []string{"pump.current", "pump.flow"}, Open: true, Since: noon, Time: noon,
		Reason: "modbus tcp 10.1.2.3:502: \"timeout\"\n\xff"}
	step("bus_fault_open", r.Fault(fault))
	golden(t, "state_blind", r.MachineState(MachineStatus{Machine: "pump1", State: "blind", Score: math.NaN(), Since: noon}))
	fault.Open, fault.Time = false, noon.Add(1500*time.Millisecond)
	step("bus_fault_close", r.Fault(fault))
	fault.Sensor, fault.Open = "pump", true
	step("sensor_fault_open", r.Fault(fault))
	r, err = New(device(boot2), q, steady(Unknown))
	must(t, err)
	step("sensor_fault_restart", r.CloseRestart(r.Recovered()[1]))
}

// A level shift: the anomaly ends as drift, which goes on until the machine is
// learnt anew.
func TestGolden_drift(t *testing.T) {
	q := &memory{}
	r, err := New(device(boot1), q, steady(Synced))
	must(t, err)
	step := func(name string, ev detect.Event) {
		t.Helper()
		must(t, r.Event(ev, theModel))
		golden(t, name, q.last())
	}
	day := noon.Add(24 * time.Hour)
	ev := anomaly(detect.Open, noon)
	must(t, r.Event(ev, theModel))
	ev.State, ev.Time, ev.Until, ev.Reason = detect.Close, day, day, detect.ReasonDrift
	step("event_became_drift", ev)
	drift := detect.Event{Machine: "pump1", Kind: detect.Drift, State: detect.Open, Time: day, Since: ev.Since, Severity: detect.Warning,
		Score: 0.935829, Peak: 0.935829, Causes: ev.Causes, Reason: "the level has shifted: scores are seen from 2.75 times the learnt threshold"}
	step("drift_open", drift)
	drift.State, drift.Time, drift.Score, drift.Peak = detect.Update, day.Add(3*time.Hour), 0.95, 0.95
	drift.Causes = []detect.Cause{{Channel: "pump.current", Unit: "A", Share: 1, Value: 4.2, Expected: 3.1, Direction: "above"}}
	drift.Reason = "pump.current: median 4.2 A, learnt 3.1; 5-95 % 3.9..4.6, learnt 2.8..3.4"
	step("drift_update", drift)
	drift.State, drift.Time, drift.Until, drift.Reason = detect.Close, day.Add(72*time.Hour), day.Add(70*time.Hour), detect.ReasonRelearn
	step("drift_close", drift)
}

func TestGolden_unset(t *testing.T) {
	q, c := &memory{}, &clocks{base: time.Now(), uptime: 3600123 * time.Millisecond, quality: Unset}
	r := newReporter(t, boot1, q, c)
	ev := anomaly(detect.Open, c.now())
	must(t, r.Event(ev, theModel))
	golden(t, "event_unset", q.last())
	c.passed = 10 * time.Second
	ev.State, ev.Time, ev.Until, ev.Reason = detect.Close, c.now(), c.now().Add(-time.Second), detect.ReasonStopped
	must(t, r.Event(ev, theModel))
	golden(t, "event_unset_close", q.last())
	golden(t, "event_dated", q.finished(t, 0, false, boot1, steady(Synced)()))

	behind := Clock{Now: noon.Add(-72 * time.Hour), Uptime: 80 * time.Second, Quality: Unknown}
	m := message{seq: 3, state: detect.Open, quality: Unknown, time: behind.withWall(stamp{Boot: boot1, Up: 80 * time.Second}, boot1),
		record: record{ID: "gw7-4f2a-e2", Machine: "pump1", Kind: detect.LimitExceeded, Key: "pump.current", Severity: detect.Critical, Since: behind.withWall(stamp{Boot: boot1, Up: 79500 * time.Millisecond}, boot1)}}
	d := device(boot1)
	payload, _ := m.encode(&d)
	golden(t, "event_unknown", payload)
}

func TestGolden_states(t *testing.T) {
	q := &memory{}
	r, err := New(device(boot1), q, steady(Synced))
	must(t, err)
	st := MachineStatus{Machine: "pump1", State: "learning", Score: math.NaN(), Since: noon,
		Learning: &Learning{Phase: "collecting", Progress: 1.0 / 3, Remaining: 16 * time.Hour}}
	golden(t, "state_learning", r.MachineState(st))
	st.State, st.Learning, st.Score = "normal", nil, 0.4321
	golden(t, "state_normal", r.MachineState(st))
	must(t, r.Event(anomaly(detect.Open, noon), theModel))
	must(t, r.Fault(sampler.Fault{Bus: "line", Sensor: "pump", Machine: "pump1", Open: true, Since: noon, Time: noon}))
	must(t, r.Fault(sampler.Fault{Bus: "line", Sensor: "pump", Machine: "pump2", Open: true, Since: noon, Time: noon}))
	golden(t, "state_anomaly", r.MachineState(st))
}

// schemaCheck is run by Debian's python3 with python3-jsonschema, which this
// project did not write: arguments are the schema, then payloads. It prints
// the files that do not keep the schema.
const schemaCheck = `
import json, sys
from jsonschema import Draft202012Validator
schema = json.load(open(sys.argv[1]))
Draft202012Validator.check_schema(schema)
v = Draft202012Validator(schema)
for name in sys.argv[2:]:
    for e in v.iter_errors(json.load(open(name))):
        print(name, e.json_path, e.message)
`

func validate(t *testing.T, schema string, files []string) string {
	t.Helper()
	const python = "/usr/bin/python3"
	if err := exec.Command(python, "-c", "import jsonschema").Run(); err != nil {
		t.Skip("no python3-jsonschema: scripts/setup.sh installs it")
	}
	args := append([]string{"-c", schemaCheck, filepath.Join("..", "..", "docs", schema)}, files...)
	out, err := exec.Command(python, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}

func TestSchema_golden(t *testing.T) {
	all, err := filepath.Glob("testdata/*.json")
	must(t, err)
	var events, machines []string
	for _, f := range all {
		switch name := filepath.Base(f); {
		case strings.HasPrefix(name, "state_"):
			machines = append(machines, f)
		case !strings.HasPrefix(name, "telemetry"): // TestSchema_telemetry
			events = append(events, f)
		}
	}
	if len(events) < 12 || len(machines) < 4 {
		t.Fatalf("%d events, %d states", len(events), len(machines))
	}
	if out := validate(t, "event.schema.json", events); out != "" {
		t.Errorf("events:\n%s", out)
	}
	if out := validate(t, "state.schema.json", machines); out != "" {
		t.Errorf("states:\n%s", out)
	}
}

// A schema that refuses nothing would prove nothing.
func TestSchema_refuses(t *testing.T) {
	open, err := os.ReadFile("testdata/event_open.json")
	must(t, err)
	end, err := os.ReadFile("testdata/event_close.json")
	must(t, err)
	dir := t.TempDir()
	var files []string
	for name, edit := range map[string][3]string{
		"kind":         {string(open), `"process_anomaly"`, `"anomaly"`},
		"no_seq":       {string(open), `"seq":1,`, ``},
		"text_score":   {string(open), `"score":1.83333`, `"score":"1.83"`},
		"extra":        {string(open), `"schema":1`, `"schema":1,"other":2`},
		"zone":         {string(open), `.123Z"`, `.123+01:00"`},
		"share":        {string(open), `"share":0.61`, `"share":61`},
		"open_reason":  {string(open), `"schema":1`, `"schema":1,"reason":"restart"`},
		"close_until":  {string(end), `"until":`, `"ended":`},
		"close_reason": {string(end), `,"reason":"back to normal"`, ``},
		"negative":     {string(end), `"duration_s":`, `"duration_s":-`},
		"uptime":       {string(open), `"time_quality"`, `"uptime_s":5,"time_quality"`},
	} {
		wrong := strings.Replace(edit[0], edit[1], edit[2], 1)
		if wrong == edit[0] {
			t.Fatalf("%s: nothing to edit", name)
		}
		file := filepath.Join(dir, name+".json")
		must(t, os.WriteFile(file, []byte(wrong), 0o644))
		files = append(files, file)
	}
	out := validate(t, "event.schema.json", files)
	for _, f := range files {
		if !strings.Contains(out, f) {
			t.Errorf("accepted: %s", filepath.Base(f))
		}
	}
}

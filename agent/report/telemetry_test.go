package report

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"iot-edge-anomaly/agent/sampler"
	"iot-edge-anomaly/model"
)

// pumpRows are two rows of a machine with a counter and a channel of an odd name.
func pumpRows() *Rows {
	good := []sampler.Quality{sampler.Good, sampler.Good, sampler.Good}
	return &Rows{Machine: "pump1", State: "normal", Drift: 0.1234567,
		Channels: []model.Channel{{Name: "pump.current", Unit: "A"}, {Name: "meter.energy", Unit: "kW"}, {Name: `odd."x"`}},
		Counts:   []Total{{"meter.energy", 1234570.419}},
		Rows: []Row{
			{Time: noon.Add(-10 * time.Second), Score: math.NaN(), Values: []float64{4.1, 12345.678, math.Inf(1)}, Quality: good},
			{Time: noon, Score: 0.43210987, Values: []float64{math.NaN(), 12.3456789, math.Copysign(0, -1)}, Quality: []sampler.Quality{sampler.Suspect, sampler.Good, sampler.Good}},
		}}
}

func TestGolden_telemetry(t *testing.T) {
	r, err := New(device(boot1), &memory{}, steady(Synced))
	must(t, err)
	t2 := pumpRows()
	golden(t, "telemetry_batch", r.Telemetry(t2))
	t1 := *t2
	t1.Rows, t1.Counts, t1.Drift = t2.Rows[1:], nil, math.NaN()
	golden(t, "telemetry", r.Telemetry(&t1))

	// A clock that is not set: seconds since the boot instead.
	now := time.Now()
	r, err = New(device(boot1), &memory{}, func() Clock { return Clock{Now: now, Uptime: 3600 * time.Second, Quality: Unset} })
	must(t, err)
	for i := range t2.Rows {
		t2.Rows[i].Time = now.Add(time.Duration(i-1) * time.Second)
	}
	golden(t, "telemetry_unset", r.Telemetry(t2))
}

// TestTelemetry_waitsForNobody: a Reporter that is busy with a slow disk holds up no
// telemetry.
func TestTelemetry_waitsForNobody(t *testing.T) {
	r, err := New(device(boot1), &memory{}, steady(Synced))
	must(t, err)
	r.mu.Lock()
	defer r.mu.Unlock()
	if b := r.Telemetry(pumpRows()); !json.Valid(b) {
		t.Errorf("%s", b)
	}
}

// TestSchema_telemetry checks the golden payloads against the schema, and that it
// refuses what is wrong.
func TestSchema_telemetry(t *testing.T) {
	files, err := filepath.Glob("testdata/telemetry*.json")
	must(t, err)
	if len(files) != 3 {
		t.Fatal(files)
	}
	if out := validate(t, "telemetry.schema.json", files); out != "" {
		t.Error(out)
	}
	text, err := os.ReadFile("testdata/telemetry_batch.json")
	must(t, err)
	dir := t.TempDir()
	var wrong []string
	for i, edit := range [][2]string{{`"state":"normal"`, `"state":"fine"`}, {`"suspect"`, `"good"`}, {`"score":0.43211`, `"score":"0.4"`},
		{`"schema":1`, `"schema":1,"other":1`}, {`"counts":{`, `"count":{`}, {`"columns"`, `"names"`}, {`"time_quality"`, `"uptime_s":-1,"time_quality"`}} {
		b := strings.Replace(string(text), edit[0], edit[1], 1)
		if b == string(text) {
			t.Fatalf("no %s in %s", edit[0], text)
		}
		file := filepath.Join(dir, fmt.Sprint(i, ".json"))
		must(t, os.WriteFile(file, []byte(b), 0o644))
		wrong = append(wrong, file)
	}
	out := validate(t, "telemetry.schema.json", wrong)
	for _, f := range wrong {
		if !strings.Contains(out, f) {
			t.Errorf("accepted: %s", f)
		}
	}
}

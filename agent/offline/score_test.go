package offline

import (
	"encoding/csv"
	"io"
	"math"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/settings"
	"iot-edge-anomaly/model"
)

// TestScoresAreCSV: a channel's name and a timestamp come back as they were,
// whatever characters they hold.
func TestScoresAreCSV(t *testing.T) {
	text := read(t, recording(t, 400, stuck(300)))
	text = strings.Replace(text, "a.load,b.speed,c.flow", `"a,b","say ""x""",c.flow`, 1)
	rows := write(t, "names.csv", strings.Replace(text, "2026-11-23T08:05:00Z", `"yesterday, noon"`, 1))
	m, said, err := learnt(t, TrainOptions{CSV: []string{rows}, Rows: 290})
	if err != nil {
		t.Fatal(said)
	}
	out, _ := scored(t, ScoreOptions{Model: m, CSV: rows})
	got, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	if err != nil {
		t.Fatalf("%v: want five fields a row", err)
	}
	if len(got) != 401 || got[301][0] != "yesterday, noon" {
		t.Errorf("%d rows, row 300 is %v", len(got), got[min(301, len(got)-1)])
	}
	seen := map[string]bool{}
	for _, r := range got[1:] {
		seen[r[3]] = true
	}
	if !seen["a,b"] && !seen[`say "x"`] {
		t.Errorf("the channels on top were %v", seen)
	}
}

// TestFlagIsWhatTheScoreSays: who reads a row finds flag 1 where the score that is
// printed is above 1, at the threshold too.
func TestFlagIsWhatTheScoreSays(t *testing.T) {
	one := float32(1)
	for _, v := range []float32{0.5, 0.9999997, math.Nextafter32(one, 0), one, math.Nextafter32(one, 2), 1.000004, 1.00001, 1.5, 1234567} {
		f := strings.Split(string(appendScore(nil, "t", model.Score{Value: v}, true, nil)), ",")
		printed, err := strconv.ParseFloat(f[1], 64)
		if err != nil || (printed > 1) != (f[2] == "1") || (v > 1) != (f[2] == "1") {
			t.Errorf("%v is printed as %s with flag %s: %v", v, f[1], f[2], err)
		}
	}
}

// The policy that Score uses without a configuration is the configuration's default.
func TestScorePolicyIsTheDefault(t *testing.T) {
	c, problems := config.Parse("c.yaml", []byte("sensors: [{name: m, driver: fixed}]\n"),
		map[string]config.DriverInfo{"fixed": {Channels: []config.ChannelInfo{{Name: "a"}}}})
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	path, said, err := learnt(t, TrainOptions{CSV: []string{recording(t, 300, nil)}})
	if err != nil {
		t.Fatal(said)
	}
	m, err := model.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	got, err := scorePolicy(io.Discard, m, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := settings.Policy(c.Machines[0])
	want.Machine, want.Channels = got.Policy.Machine, got.Policy.Channels
	if !reflect.DeepEqual(got.Policy, want) || len(got.Limits) != 0 {
		t.Errorf("score's %+v, the configuration's %+v", got, want)
	}
}

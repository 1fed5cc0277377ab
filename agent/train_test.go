package main

import (
	"encoding/json"
	"path/filepath"
	"regexp"
	"testing"
)

var progressLine = regexp.MustCompile(`(?m)^[a-z]+ +[0-9]+ %, .* left, loss .*\n`)

// TestTrainJSON: what --json prints is one object on stdout and nothing else,
// and a rate of false alarms that nobody knows is left out of it. A 0 would be
// read as a promise.
func TestTrainJSON(t *testing.T) {
	rows := write(t, "wave.csv", wave(2100, 2100))
	for _, tc := range []struct {
		rows  string
		known bool
	}{{"300", false}, {"2100", true}} {
		code, out, errs := call(t, "", "train", "--csv", rows, "--rows", tc.rows, "--json", "--out", filepath.Join(t.TempDir(), "m"))
		errs = progressLine.ReplaceAllString(errs, "") // what takes more than ten seconds tells how far it is
		var got struct {
			Model, Version, SHA256 string
			Used                   int
			Alarms                 map[string]float64 `json:"false_alarms"`
		}
		if err := json.Unmarshal([]byte(out), &got); err != nil || code != 0 || errs != "" {
			t.Fatalf("code %d, %v: stdout %q, stderr %q", code, err, out, errs)
		}
		if got.Used == 0 || got.Version == "" || len(got.SHA256) != 64 || got.Alarms["wanted"] != 1 {
			t.Errorf("%s rows: %+v", tc.rows, got)
		}
		for _, key := range []string{"rate", "low", "high", "beyond"} {
			if v, known := got.Alarms[key]; known != tc.known || known && v <= 0 {
				t.Errorf("%s rows: false_alarms.%s is %v, known %v, want %v", tc.rows, key, v, known, tc.known)
			}
		}
	}
}

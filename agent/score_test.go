package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"iot-edge-anomaly/model"
)

// TestScoresAreCSV: a channel's name and a timestamp come back as they were,
// whatever characters they hold.
func TestScoresAreCSV(t *testing.T) {
	odd := strings.Replace(wave(400, 300), "load,speed,flow", `"a,b","say ""x""",flow`, 1)
	rows := write(t, "odd.csv", strings.Replace(odd, "2026-11-23T08:05:00Z", `"yesterday, noon"`, 1))
	modelPath := filepath.Join(t.TempDir(), "m.safetensors")
	if code, out, errs := call(t, "", "train", "--csv", rows, "--rows", "290", "--out", modelPath); code != 0 {
		t.Fatalf("train ended with %d\n%s%s", code, out, errs)
	}
	_, out, _ := call(t, "", "score", "--model", modelPath, "--csv", rows)
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

// TestOutputsToNowhere: /dev/null may be named more than once.
func TestOutputsToNowhere(t *testing.T) {
	m, rows := trainedWave(t)
	if code, _, errs := call(t, "", "score", "--model", m, "--csv", rows, "--out", "/dev/null", "--events", "/dev/null"); code != 0 {
		t.Errorf("code %d: %s", code, errs)
	}
}

// TestInterrupted: a verb that waits for rows or answers, or measures for long, ends
// at the first signal, with what it has written in order.
func TestInterrupted(t *testing.T) {
	m, csvPath := trainedWave(t)
	text, err := os.ReadFile(csvPath)
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "scores.csv")
	silent, _ := pumpServer(t)
	for _, tc := range []struct {
		name string
		args []string
	}{
		{"score", []string{"score", "--model", m, "--csv", "-", "--out", out}},
		{"train", []string{"train", "--csv", "-", "--out", filepath.Join(t.TempDir(), "m")}},
		{"bench", []string{"bench", "--time", "1m"}},
		{"read", []string{"read", "--json", "--sensor", "dead", "--config", silent}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			in, rows := io.Pipe()
			defer rows.Close()
			var errs bytes.Buffer
			done := make(chan int)
			go func() { done <- dispatch(ctx, env{in, io.Discard, &errs, nil}, tc.args) }()
			if tc.args[0] == "score" || tc.args[0] == "train" {
				rows.Write(text)
			}
			cancel()
			select {
			case code := <-done:
				if code != exitFailed || !strings.Contains(errs.String(), "interrupted") {
					t.Errorf("code %d, stderr %q: want %d and interrupted", code, &errs, exitFailed)
				}
			case <-time.After(busy):
				t.Fatal("it goes on")
			}
		})
	}
	scores, err := os.ReadFile(out)
	if err != nil || !bytes.HasSuffix(scores, []byte("\n")) || bytes.Count(scores, []byte("\n")) < 2 {
		t.Errorf("%v: the scores so far end with %q, want whole rows", err, scores[max(0, len(scores)-80):])
	}
}

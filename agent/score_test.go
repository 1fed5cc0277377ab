package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

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

// TestSweep: many alarm policies in one pass; what the present one gives is what --events
// holds, also with a policy from a configuration.
func TestSweep(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	text, x := []string{"timestamp,load,speed,flow"}, 0.0
	for i := range 3000 {
		x += 0.3*rnd.NormFloat64() - x/20
		flow := 5 + 3*x + 0.1*rnd.NormFloat64()
		if since := i % 300; i >= 1200 && since < 5*(i/300) { // seven faults of 20 to 45 rows
			flow -= 4
		}
		text = append(text, fmt.Sprintf("%d,%.4f,%.4f,%.4f", 1764000000+i, 10+x+0.05*rnd.NormFloat64(), 50+2*x+0.1*rnd.NormFloat64(), flow))
	}
	rows := write(t, "rows.csv", strings.Join(text, "\n"))
	m := filepath.Join(t.TempDir(), "m.safetensors")
	if code, out, errs := call(t, "", "train", "--csv", rows, "--rows", "1200", "--out", m); code != 0 {
		t.Fatalf("train: %d\n%s%s", code, out, errs)
	}
	cfg := write(t, "c.yaml", "sensors: [{name: m, driver: replay, file: "+rows+"}]\nmachines: [{name: main, detect: {open: 4 of 9, hold: 5s}}]\n")
	for _, config := range [][]string{nil, {"--config", cfg}} {
		var s struct {
			Rows, Scored int
			RunningS     float64 `json:"running_s"`
			Policies     []struct {
				Present  bool
				Above    float64 `json:"score_above"`
				N, M     int
				HoldS    float64 `json:"hold_s"`
				Alarms   int
				PerMonth float64 `json:"per_month"`
				Causes   []struct {
					Channel string
					Alarms  int
				}
			}
		}
		args := append([]string{"score", "--model", m, "--csv", rows}, config...)
		if config != nil {
			args[4] = write(t, "named.csv", strings.Replace(strings.Join(text, "\n"), "load,speed,flow", "m.load,m.speed,m.flow", 1))
			args[2] = filepath.Join(t.TempDir(), "named.safetensors")
			if code, out, errs := call(t, "", "train", "--csv", args[4], "--rows", "1200", "--out", args[2]); code != 0 {
				t.Fatalf("train: %d\n%s%s", code, out, errs)
			}
		}
		code, out, errs := call(t, "", append(args, "--sweep", "--json")...)
		if err := json.Unmarshal([]byte(out), &s); err != nil || code != 0 {
			t.Fatalf("code %d, %v: %s%s", code, err, out, errs)
		}
		if s.Rows != 3000 || s.Scored < 2900 || s.RunningS != float64(s.Scored) || len(s.Policies) < 10 {
			t.Errorf("%+v", s)
		}
		_, events, _ := call(t, "", append(args, "--out", "/dev/null", "--events", "-")...)
		want := strings.Count(events, `"process_anomaly","state":"open"`)
		present, fewer := 0, false
		for _, p := range s.Policies {
			sum := 0
			for _, c := range p.Causes {
				sum += c.Alarms
			}
			if month := float64(p.Alarms) * 30 * 86400 / s.RunningS; sum != p.Alarms || math.Abs(p.PerMonth/month-1) > 1e-3 && month > 0 {
				t.Errorf("%+v: want %d alarms by their causes, and %v a month", p, p.Alarms, month)
			}
			fewer = fewer || p.Alarms < want
			if !p.Present {
				continue
			}
			present++
			if p.Alarms != want || want < 2 || p.Above != 1 || (config != nil) != (p.N == 4 && p.M == 9 && p.HoldS == 5) {
				t.Errorf("the present policy: %+v, want the %d alarms of --events", p, want)
			}
		}
		if present != 1 || !fewer {
			t.Errorf("%d policies are the present one, another gives fewer alarms: %v", present, fewer)
		}
		code, out, errs = call(t, "", append(args, "--sweep")...)
		if mark := fmt.Sprintf("* 1            %d of %d", 3+len(config)/2, 5+2*len(config)); code != 0 || strings.Count(out, "\n* ") != 2 || !strings.Contains(out, mark) || !strings.Contains(out, "a month is 8") {
			t.Errorf("code %d, no line %q: %s%s", code, mark, out, errs)
		}
	}
	for _, tc := range []struct {
		stdin, want string
		code        int
		args        []string
	}{
		{"", "leave --out, --events", 2, []string{"--csv", rows, "--out", "x.csv"}},
		{"", "leave --out, --events", 2, []string{"--csv", rows, "--events", "-"}},
		{"", "--model and --csv are needed", 2, nil},
		{strings.Join(text[:20], "\n"), "none of 19 rows was scored", 1, []string{"--csv", "-"}},
		{"timestamp,load,speed\n", `column "flow" is missing`, 78, []string{"--csv", "-"}},
	} {
		if code, out, errs := call(t, tc.stdin, append([]string{"score", "--sweep", "--model", m}, tc.args...)...); code != tc.code || !strings.Contains(errs, tc.want) || out != "" {
			t.Errorf("%v: code %d, %s%s, want %d and %s", tc.args, code, out, errs, tc.code, tc.want)
		}
	}
	if code, _, errs := call(t, "", "score", "--json", "--model", m, "--csv", rows); code != 2 || !strings.Contains(errs, "--json is of --sweep") {
		t.Errorf("--json alone: %d, %s", code, errs)
	}
}

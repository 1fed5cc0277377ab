package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// policyConfig is a machine with the channels of the wave and a policy of its
// own.
func policyConfig(t *testing.T, detect string) string {
	t.Helper()
	return write(t, "config.yaml", fmt.Sprintf(`gateway: {site: s, id: gw7}
buses: {plc: {modbus: "tcp://127.0.0.1:1"}}
sensors:
  - name: m
    driver: modbus
    bus: plc
    unit: 1
    registers:
      - {name: load, at: "holding:0", type: f32, unit: A}
      - {name: speed, at: "holding:2", type: f32, unit: Hz}
      - {name: flow, at: "holding:4", type: f32, unit: l/min, limits: {warn_low: -5}}
machines:
  - {name: pump1, channels: ["m.*"], model: {learn: {when: never}}, detect: {%s}}
`, detect))
}

// steps are the kinds and states of events in order, with their details and
// reasons.
func steps(t *testing.T, path string) (out []string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		var ev map[string]any
		if err := json.Unmarshal([]byte(line), &ev); err != nil {
			t.Fatal(err)
		}
		text := fmt.Sprintf("%v %v", ev["kind"], ev["state"])
		if ev["detail"] == "over, but latched" && ev["state"] == "update" {
			text += " over"
		}
		if ev["reason"] != nil {
			text += fmt.Sprintf(" %v", ev["reason"])
		}
		out = append(out, text)
	}
	return out
}

// TestScoreWithConfig: events of a recording follow the configured policy: its
// limits, its mute windows, its latch.
func TestScoreWithConfig(t *testing.T) {
	named := func(s string) string {
		return strings.Replace(s, "timestamp,load,speed,flow", "timestamp,m.load,m.speed,m.flow", 1)
	}
	faulty, healthy := strings.SplitAfter(wave(1800, 1000), "\n"), strings.SplitAfter(wave(1800, 5000), "\n")
	csvPath := write(t, "wave.csv", named(strings.Join(faulty[:1101], "")+strings.Join(healthy[1101:], "")))
	dir := t.TempDir()
	m, events := filepath.Join(dir, "m.safetensors"), filepath.Join(dir, "events.jsonl")
	if code, out, errs := call(t, "", "train", "--csv", csvPath, "--rows", "800", "--out", m); code != 0 {
		t.Fatalf("train ended with %d\n%s%s", code, out, errs)
	}
	for _, c := range []struct{ detect, want string }{
		{"hold: 30s, update: 0s", "limit open, process_anomaly open, limit close back to normal, process_anomaly close back to normal"},
		{"hold: 30s, update: 0s, latch: true", "limit open, process_anomaly open, limit update over, process_anomaly update over"},
		{"hold: 30s, update: 0s, latch: true, unlatch_after: 1m", "limit open, process_anomaly open, limit update over, limit close unlatched, process_anomaly update over, process_anomaly close unlatched"},
		{`hold: 30s, update: 0s, mute: ["00:00-24:00"]`, "limit open, limit close back to normal"},
	} {
		cfg := policyConfig(t, c.detect)
		code, _, errs := call(t, "", "score", "--model", m, "--csv", csvPath, "--out", "-", "--events", events, "--config", cfg)
		if code != 0 || errs != "" {
			t.Fatalf("%s: score ended with %d: %s", c.detect, code, errs)
		}
		var got []string
		for _, s := range steps(t, events) {
			if s != "process_anomaly update" && s != "limit update" { // graver
				got = append(got, s)
			}
		}
		if text := strings.Join(got, ", "); text != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.detect, text, c.want)
		}
	}
	stops := policyConfig(t, "}, run_when: {channel: m.load, above: 1")
	if code, _, errs := call(t, "", "score", "--model", m, "--csv", csvPath, "--config", stops); code != 0 || !strings.Contains(errs, "run would refuse this model: run_when: learnt always, configured") {
		t.Errorf("a model learnt without run_when: %d, %s", code, errs)
	}
	other, _ := trainedWave(t)
	if code, _, errs := call(t, "", "score", "--model", other, "--csv", csvPath, "--config", policyConfig(t, "")); code != 78 {
		t.Errorf("a model of other channels: %d, %s", code, errs)
	}
}

// TestUnlatch: the running agent is asked, and says what it does not know.
func TestUnlatch(t *testing.T) {
	cfg, _ := pumpServer(t)
	text, err := os.ReadFile(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if code, _, errs := call(t, "", "unlatch", "--config", cfg); code != 2 || !strings.Contains(errs, "latch: true") {
		t.Errorf("no machine latches: %d, %s", code, errs)
	}
	latching := strings.Replace(strings.Replace(string(text), "detect: {hold: 1s}", "detect: {hold: 1s, latch: true}", 1),
		"/model.safetensors}", "/model.safetensors, learn: {when: never}}", 1) + "control: {socket: control.sock}\n"
	if err := os.WriteFile(cfg, []byte(latching), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"rest": "does not latch", "none": "unknown"} {
		if code, _, errs := call(t, "", "unlatch", "--config", cfg, "--machine", name); code != 2 || !strings.Contains(errs, want) {
			t.Errorf("machine %s: %d, %s", name, code, errs)
		}
	}
	c, err := loadConfig(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if code, _, errs := call(t, "", "unlatch", "--config", cfg); code != 1 || !strings.Contains(errs, "pump1: ") || !strings.Contains(errs, "no agent answers") {
		t.Errorf("without an agent: %d, %s", code, errs)
	}
	ctx, stop := context.WithCancel(t.Context())
	code := make(chan int, 1)
	go func() {
		code <- dispatch(ctx, env{strings.NewReader(""), io.Discard, io.Discard, nil}, []string{"run", "--config", cfg})
	}()
	waitFor(t, 20*time.Second, "the socket", func() bool { _, err := os.Stat(c.Control.Socket); return err == nil })
	if code, out, errs := call(t, "", "unlatch", "--config", cfg); code != 0 || !strings.Contains(out, "pump1: unlatched") {
		t.Errorf("with an agent: %d, %s%s", code, out, errs)
	}
	stop()
	if code := <-code; code != 0 {
		t.Errorf("run ended with %d", code)
	}
}

// TestTrainTellsWhen: hours and days that a recording does not cover are named.
func TestTrainTellsWhen(t *testing.T) {
	var b strings.Builder
	begin := time.Date(2026, 11, 27, 6, 0, 0, 0, time.Local) // a Friday
	for i, line := range strings.Split(strings.TrimSpace(wave(500, 5000)), "\n") {
		if i > 0 {
			_, line, _ = strings.Cut(line, ",")
			line = begin.Add(time.Duration(i)*time.Minute).Format(time.RFC3339) + "," + line
		}
		b.WriteString(line + "\n")
	}
	code, out, errs := call(t, "", "train", "--csv", write(t, "friday.csv", b.String()), "--out", filepath.Join(t.TempDir(), "m"))
	if code != 0 || !strings.Contains(out, "nothing was learnt from 15:00 to 06:00") || !strings.Contains(out, "learnt on Friday only") {
		t.Errorf("%d\n%s%s", code, out, errs)
	}
}

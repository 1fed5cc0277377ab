package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"
)

// TestReadWatch: on a pipe each pass is a plain table of its own, with what has
// changed, until the interruption, which is a good end.
func TestReadWatch(t *testing.T) {
	cfg, _ := pumpServer(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2500*time.Millisecond)
	defer cancel()
	var out, stderr bytes.Buffer
	code := dispatch(ctx, env{stdin: strings.NewReader(""), stdout: &out, stderr: &stderr}, []string{"read", "--config", cfg, "--watch"})
	passes := strings.Count(out.String(), "CHANNEL")
	if code != 0 || passes < 2 || passes > 3 || strings.Contains(out.String(), "\x1b") {
		t.Errorf("code %d, %d passes in 2.5 s: %s\n%s", code, passes, stderr.String(), out.String())
	}
	if !hasLine(out.String(), []string{"pump.wild", "65000", "suspect"}) || !hasLine(out.String(), []string{"dead.level", "-", "missing", "unit 9"}) {
		t.Errorf("no suspect and no missing value in\n%s", out.String())
	}
}

func TestReadViewShowsChange(t *testing.T) {
	v := readView{watch: true}
	at, four, five := time.Now().Add(-90*time.Second), 4.0, 5.25
	v.table([]readout{{Sensor: "a", Channel: "x", Value: &four, Unit: "A", Quality: "good", Time: &at}, {Sensor: "a", Channel: "y", Value: &four, Quality: "good", Time: &at}})
	got := string(v.table([]readout{{Sensor: "a", Channel: "x", Value: &five, Unit: "A", Quality: "good", Time: &at, LatencyMS: 1.25},
		{Sensor: "a", Channel: "y", Quality: "missing", Error: "two\nlines"}}))
	want := []string{"CHANNEL VALUE CHANGE UNIT QUALITY AGE LATENCY ERROR", "a.x 5.25 +1.25 A good 90.0 s 1.2 ms", "a.y - missing - 0.0 ms two; lines"}
	for i, line := range strings.Split(strings.TrimSpace(got), "\n") {
		if strings.Join(strings.Fields(line), " ") != want[i] {
			t.Errorf("line %q, want %q", line, want[i])
		}
	}
}

package main

import (
	"bytes"
	"context"
	"io"
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

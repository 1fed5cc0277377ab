package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"
)

// passes is an output that calls full when the nth table begins.
type passes struct {
	bytes.Buffer
	n    int
	full func()
}

func (p *passes) Write(b []byte) (int, error) {
	n, err := p.Buffer.Write(b)
	if strings.Count(p.String(), "CHANNEL") == p.n {
		p.full()
	}
	return n, err
}

// TestReadWatch: on a pipe each pass is a plain table of its own that shows what has
// changed. An interruption ends it with code 0.
func TestReadWatch(t *testing.T) {
	cfg, _ := pumpServer(t)
	ctx, cancel := context.WithTimeout(t.Context(), busy)
	defer cancel()
	out, begin := passes{n: 3, full: cancel}, time.Now()
	var stderr bytes.Buffer
	code := dispatch(ctx, env{stdin: strings.NewReader(""), stdout: &out, stderr: &stderr}, []string{"read", "--config", cfg, "--watch"})
	took := time.Since(begin)
	if strings.Count(out.String(), "CHANNEL") != 3 || code != 0 || took < 2*time.Second || strings.Contains(out.String(), "\x1b") {
		t.Errorf("code %d, want three passes a second apart, not within %v: %s\n%s", code, took, stderr.String(), out.String())
	}
	if !hasLine(out.String(), []string{"pump.wild", "65000", "suspect"}) || !hasLine(out.String(), []string{"dead.level", "-", "missing", "unit 9"}) {
		t.Errorf("no suspect and no missing value in\n%s", out.String())
	}
}

// TestRecordLeavesOut: only good values are written, and the rest is counted.
func TestRecordLeavesOut(t *testing.T) {
	cfg, _ := pumpServer(t)
	code, out, stderr := call(t, "", "record", "--config", cfg, "--machine", "rest", "--out", "-", "--for", "3s")
	rows := strings.Split(strings.TrimSpace(out), "\n")
	if code != 0 || rows[0] != "timestamp,pump.wild,dead.level" || len(rows) < 10 {
		t.Fatalf("code %d, %d rows, %q", code, len(rows), rows[0])
	}
	for _, row := range rows[1:] {
		if !strings.HasSuffix(row, ",,") {
			t.Errorf("row %q: want no value, one is suspect and one missing", row)
		}
	}
	if !hasLine(stderr, []string{"pump", "values left out as suspect"}) || !hasLine(stderr, []string{"dead", "values left out as missing"}) {
		t.Errorf("not told: %s", stderr)
	}
}

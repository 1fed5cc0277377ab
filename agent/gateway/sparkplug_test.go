package gateway

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestBdSeq: the numbers go on over restarts and round after 255; a file that is damaged, or
// cannot be written, costs the memory of the number and is said once.
func TestBdSeq(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sparkplug.json")
	var log strings.Builder
	start := func() *bdSeq { return &bdSeq{path: path, log: slog.New(slog.NewTextHandler(&log, nil))} }
	n := start()
	for want := range 300 {
		if want%7 == 0 && want > 0 {
			n = start()
		}
		if got := n.next(); got != uint8(want) {
			t.Fatalf("connection %d has the number %d", want, got)
		}
	}
	for _, damage := range []string{"", "x", "256", "-1", strings.Repeat("1", 100)} {
		if err := os.WriteFile(path, []byte(damage), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := start().next(); got != 0 {
			t.Errorf("after %.10q the number is %d", damage, got)
		}
	}
	if log.Len() > 0 {
		t.Errorf("logged: %s", log.String())
	}
	path = filepath.Join(path, "below a file")
	n = start()
	for want := range 3 {
		if got := n.next(); got != uint8(want) {
			t.Errorf("without a disk connection %d has the number %d", want, got)
		}
	}
	if lines := strings.Count(log.String(), "\n"); lines != 1 {
		t.Errorf("%d lines: %s", lines, log.String())
	}
}

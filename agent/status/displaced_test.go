package status

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// Closed connections are told once an hour, and again where the clock was set back
// meanwhile: not only when it shows the time of the last line again.
func TestDisplaced_clock(t *testing.T) {
	var log bytes.Buffer
	s := NewServer(ServerOptions{Listen: "127.0.0.1:0", Collect: good, Metrics: NewMetrics(), Log: slog.New(slog.NewTextHandler(&log, nil))})
	lines := func(want int) {
		t.Helper()
		s.displaced("10.0.0.9")
		if n := strings.Count(log.String(), "more clients than places"); n != want {
			t.Errorf("%d lines, want %d", n, want)
		}
	}
	lines(1)
	lines(1)
	s.told.Store(time.Now().AddDate(10, 0, 0).Unix())
	lines(2)
	lines(2)
}

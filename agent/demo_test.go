package main

import (
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestDemonstration is what `make run` promises: within a minute the station is
// learnt, a fault arises, and the terminal tells it with its cause.
func TestDemonstration(t *testing.T) {
	if testing.Short() {
		t.Skip("takes the best part of a minute")
	}
	t.Parallel()
	prog := program(t, "", "demo")
	begin := time.Now()
	demo := start(t, nil, append(prog, "demo", "--fault", "blocked_valve")...)
	waitFor(t, 60*time.Second, "the event on the terminal", func() bool {
		return strings.Contains(demo.output(), "OPEN  process anomaly")
	})
	// The minute is for a machine that has time for it.
	took, starved := time.Since(begin), demo.starved()
	if t.Logf("the event was there after %v, of which other programs took %v", took.Round(time.Second), starved); took-starved > time.Minute {
		t.Error("want it within a minute")
	}
	waitFor(t, 5*time.Second, "its cause", func() bool {
		_, after, _ := strings.Cut(demo.output(), "OPEN  process anomaly")
		return strings.Contains(after, "pump.flow")
	})
	t.Run("page", func(t *testing.T) { pageInABrowser(t, demo.output()) })
	waitFor(t, 40*time.Second, "its close", func() bool { return strings.Contains(demo.output(), "CLOSE process anomaly") })
	demo.kill(syscall.SIGINT)
	if demo.err != nil {
		t.Errorf("the demonstration ended with %v on Ctrl-C", demo.err)
	}
}

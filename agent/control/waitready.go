package control

import (
	"context"
	"fmt"
	"time"

	"iot-edge-anomaly/agent/chart"
	"iot-edge-anomaly/agent/status"
)

// readyEvery is how often WaitReady asks.
const readyEvery = 200 * time.Millisecond

// WaitReady asks until the agent works, which is until it answers and is not unhealthy,
// and says how it is. The error, after limit, says what was missing.
func WaitReady(ctx context.Context, socket string, limit time.Duration) (string, error) {
	begin := time.Now()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		var s Status
		err := Get(ctx, socket, "status", &s)
		if err == nil && s.Status != status.Unhealthy {
			return fmt.Sprintf("ready after %v: %s is %s, running for %s", time.Since(begin).Round(100*time.Millisecond), s.Device, s.Status, chart.Span(time.Duration(s.UptimeS*float64(time.Second)))), nil
		}
		if err == nil {
			err = fmt.Errorf("%s is unhealthy: %s", s.Device, s.worst())
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("not ready within %v: %w", limit, err)
		case <-time.After(readyEvery):
		}
	}
}

// worst is why the agent is as it is.
func (s *Status) worst() string {
	for name, c := range s.Checks {
		if c.Status == s.Status {
			return name + ": " + c.Detail
		}
	}
	return "unknown"
}

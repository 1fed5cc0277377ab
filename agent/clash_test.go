package main

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"iot-edge-anomaly/drivers/driverstest"
)

// TestTwoGatewaysWithOneID: two agents that are configured alike take each other's
// connection at a real broker; both say so where somebody looks.
func TestTwoGatewaysWithOneID(t *testing.T) {
	t.Parallel()
	prog := program(t, "", "")
	b := startBroker(t)
	seen := subscribe(t, b, "plant/gw7/event")
	var agents []*process
	for range 2 {
		cfg := toggleConfig(t, driverstest.FreeAddr(t), b.url(), driverstest.FreeAddr(t), 200*time.Millisecond)
		agents = append(agents, start(t, nil, append(prog, "run", "--config", cfg)...))
	}
	waitFor(t, 90*time.Second, "an alert about the id", func() bool {
		_, ok := seen.find(func(m message) bool {
			return m.str("kind") == "alert" && m.str("source") == "mqtt" && strings.Contains(m.str("detail"), `"s-gw7"`)
		})
		return ok
	})
	waitFor(t, 20*time.Second, "a line in each log", func() bool {
		return strings.Contains(agents[0].output(), "another client uses the client id") || strings.Contains(agents[1].output(), "another client uses the client id")
	})
	for _, a := range agents {
		a.kill(syscall.SIGTERM)
	}
}

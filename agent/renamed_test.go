package main

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"iot-edge-anomaly/drivers/driverstest"
)

// TestRenamedLeavesNothingRetained: a gateway and a machine that get other names while
// the agent is stopped leave nothing behind on the broker.
func TestRenamedLeavesNothingRetained(t *testing.T) {
	t.Parallel()
	prog := program(t, "", "")
	b := startBroker(t)
	cfg := toggleConfig(t, driverstest.FreeAddr(t), b.url(), driverstest.FreeAddr(t), 200*time.Millisecond)
	seen := subscribe(t, b, "plant/#")
	topics := func() (now []string) {
		last := map[string]bool{}
		for _, m := range seen.messages() {
			if !strings.HasSuffix(m.topic, "/event") {
				last[m.topic] = m.payload != "" && m.payload != "(null)"
			}
		}
		for topic, there := range last {
			if there {
				now = append(now, topic)
			}
		}
		slices.Sort(now)
		return now
	}
	agent := start(t, nil, append(prog, "run", "--config", cfg)...)
	waitFor(t, 20*time.Second, "both topics", func() bool {
		return slices.Equal(topics(), []string{"plant/gw7/machine/tank1", "plant/gw7/status"})
	})
	agent.kill(syscall.SIGTERM)
	text, err := os.ReadFile(cfg)
	if err != nil {
		t.Fatal(err)
	}
	text = bytes.ReplaceAll(bytes.ReplaceAll(text, []byte("gw7"), []byte("gw8")), []byte("name: tank1"), []byte("name: tank2"))
	if err := os.WriteFile(cfg, text, 0o600); err != nil {
		t.Fatal(err)
	}
	agent = start(t, nil, append(prog, "run", "--config", cfg)...)
	waitFor(t, 20*time.Second, "the new topics alone", func() bool {
		return slices.Equal(topics(), []string{"plant/gw8/machine/tank2", "plant/gw8/status"})
	})
	agent.kill(syscall.SIGTERM)
}

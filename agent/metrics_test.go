package main

import (
	"io"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestPromtoolReadsTheMetrics scrapes a running agent and lets Prometheus' own
// checker read the answer.
func TestPromtoolReadsTheMetrics(t *testing.T) {
	t.Parallel()
	promtool := need(t, "promtool", "prometheus")
	prog := program(t, "", "")
	b := startBroker(t)
	listen := freeAddr(t)
	cfg := toggleConfig(t, startRows(t, toggling(t, 4000), 10), b.url(), listen, 50*time.Millisecond)
	start(t, nil, append(prog, "run", "--config", cfg)...)
	url := "http://" + listen + "/metrics"
	var text string
	waitFor(t, 20*time.Second, "a scrape with an event in it", func() bool {
		r, err := http.Get(url)
		if err != nil {
			return false
		}
		defer r.Body.Close()
		body, _ := io.ReadAll(r.Body)
		text = string(body)
		return strings.Contains(text, `anomalies_detected_total{severity="critical",sensor="tank",kind="limit"}`)
	})
	cmd := exec.Command(promtool, "check", "metrics")
	cmd.Stdin = strings.NewReader(text)
	out, err := cmd.CombinedOutput()
	if err != nil { // 1 is what it cannot parse, 3 advice about names, types and help
		t.Errorf("promtool: %v\n%s", err, out)
	}
	for _, want := range []string{`learning_progress_ratio{machine="tank1"}`, `sensor_reads_total{bus="plc",sensor="tank"}`,
		`modbus_requests_total{bus="plc"}`, `modbus_errors_total{bus="plc",reason="timeout"} 0`, `modbus_connects_total{bus="plc"} 1`, "mqtt_connected 1", "spool_messages", "process_resident_memory_bytes"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in the scrape", want)
		}
	}
}

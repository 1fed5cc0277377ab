package main

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"iot-edge-anomaly/agent/devices"
	"iot-edge-anomaly/agent/guard"
	"iot-edge-anomaly/agent/judge"
	"iot-edge-anomaly/agent/machine"
	"iot-edge-anomaly/agent/sampler"
	"iot-edge-anomaly/agent/status"
	"iot-edge-anomaly/drivers/driverstest"
	"iot-edge-anomaly/drivers/modbus"
	"iot-edge-anomaly/model"
)

// promtool has Prometheus' own checker read an exposition.
func promtool(t *testing.T, text string) {
	t.Helper()
	cmd := exec.Command(need(t, "promtool", "prometheus"), "check", "metrics")
	cmd.Stdin = strings.NewReader(text)
	out, err := cmd.CombinedOutput()
	if err != nil { // 1 is what it cannot parse, 3 advice about names, types and help
		t.Errorf("promtool: %v\n%s", err, out)
	}
}

// TestPromtoolReadsRareMetrics checks the metrics of buses that few hosts have, and
// those of drift.
func TestPromtoolReadsRareMetrics(t *testing.T) {
	var b bytes.Buffer
	status.NewMetrics().Write(&b, &status.Snapshot{
		Machines: []machine.Status{{Name: "pump1", State: judge.Normal, Channels: []model.Channel{{Name: "pump.flow", Unit: "m³/h"}}, Values: []float64{1},
			Quality: []sampler.Quality{sampler.Good}, Drift: judge.Drift{Score: 0.4, Channels: []model.ChannelDrift{{Score: 0.4}}}}},
		I2C:          []devices.I2CStats{{Bus: "env", Transfers: 9, Errors: [len(devices.I2CReasons)]uint64{1}}},
		Certificates: []status.Certificate{{Of: "broker", Expires: time.Unix(1764000000, 0)}},
		Host:         status.Host{Figures: guard.Figures{CPU: 12.5, Disks: []guard.Disk{{Path: "/var", Percent: 40}}}, Received: 7},
		Heard:        []devices.Heard{{Bus: "line", ListenStats: modbus.ListenStats{Bytes: 200, Understood: 150, Bursts: 2}}},
	})
	for _, want := range []string{`i2c_errors_total{bus="env",reason="no_answer"} 1`, `modbus_listen_understood_ratio{bus="line"} 0.75`,
		`modbus_listen_passed_total{bus="line",reason="noise"} 2`, `certificate_expiry_timestamp{of="broker"} 1764000000`, `cpu_usage_percent 12.5`, `disk_usage_percent{path="/var"} 40`, `network_bytes_total{direction="received"} 7`,
		`inference_errors_total{machine="pump1",reason="no_model"} 0`, `model_drift_score{machine="pump1"} 0.4`, `model_drift_sensor_score{machine="pump1",channel="pump.flow"} 0.4`} {
		if !strings.Contains(b.String(), want+"\n") {
			t.Errorf("no %s in\n%s", want, b.String())
		}
	}
	promtool(t, b.String())
}

// TestPromtoolReadsTheMetrics scrapes a running agent and has Prometheus' own
// checker read the answer.
func TestPromtoolReadsTheMetrics(t *testing.T) {
	t.Parallel()
	prog := program(t, "", "")
	b := startBroker(t)
	listen := driverstest.FreeAddr(t)
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
		return strings.Contains(text, `anomalies_detected_total{severity="critical",sensor="tank",kind="limit"} 1`)
	})
	promtool(t, text)
	for _, want := range []string{`learning_progress_ratio{machine="tank1"}`, `sensor_reads_total{bus="plc",sensor="tank"}`,
		`modbus_requests_total{bus="plc"}`, `modbus_errors_total{bus="plc",reason="timeout"} 0`, `modbus_connects_total{bus="plc"} 1`, "mqtt_connected 1", "spool_messages", "process_resident_memory_bytes"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in the scrape", want)
		}
	}
	page, err := os.ReadFile("../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(text) {
		name, isType := strings.CutPrefix(line, "# TYPE ")
		name, _, _ = strings.Cut(name, " ")
		if isType && !strings.HasPrefix(name, "go_") && !strings.HasPrefix(name, "process_") &&
			!strings.Contains(string(page), "| `"+name+"`") && !strings.Contains(string(page), "| `"+name+"{") {
			t.Errorf("docs/metrics.md lacks %s", name)
		}
	}
}

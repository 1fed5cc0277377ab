package alerts

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// trial is a history of a rule, a sample a minute: what is beside the bound, then beyond
// it, then back. The three minutes are looked at: no alert, the alert, no alert.
type trial struct {
	series              []string // name{labels} and values as promtool writes them
	before, fires, over int
	labels              string // of the alert beside those of the gateway
	says                string
}

const (
	target = `job="iot-edge-anomaly",instance="gw7:8080"`
	ofPump = target + `,machine="pump1"`
)

// trials are the histories by alert.
var trials = map[string]trial{
	"ApplicationDown": {[]string{"up{" + target + "} 1x10 0x10 1x10", build + "1x10 stale _x9 1x10"}, 11, 13, 25, "",
		"the agent does not answer"},
	"ApplicationSilent": {[]string{build + "1x10 stale _x29 1x10"}, 14, 20, 45, "",
		"the agent pushes no metrics any more"},
	"HighMemoryUsage": {[]string{"memory_limit_bytes{" + target + "} 200x100", "memory_usage_bytes{" + target + "} 179x10 187x10 179x10"}, 12, 14, 23, "",
		"93.5 % of the memory limit is in use"},
	"DiskSpaceCritical": {[]string{"disk_usage_percent{" + target + `,path="/data"} 94.9x10 96x10 94x10`}, 11, 13, 23, `path: "/data"`,
		"the disk of the state folder is 96 % full"},
	"WatchdogStalled": {[]string{"watchdog_progress{" + target + "} 1x10 0x10 1x10"}, 11, 13, 23, "",
		"a stage of the agent makes no progress"},
	"ModelInferenceFailures": {[]string{"samples_processed_total{" + ofPump + "} 0+60x100", "inference_errors_total{" + ofPump + `,reason="no_values"} 0+5x20 112+12x19 345+5x50`,
		"inference_errors_total{" + ofPump + `,reason="no_model"} 0x100`}, 20, 30, 50, "machine: pump1",
		"20 % of the rows of pump1 cannot be judged"},
	"CriticalEventOpen": {[]string{"events_open{" + ofPump + `,kind="limit",severity="critical"} 0x10 1x10 0x10`, "events_open{" + ofPump + `,kind="limit",severity="warning"} 1x30`}, 10, 11, 22,
		"machine: pump1, kind: limit", "critical event of kind limit on pump1"},
	"CriticalAnomalyRateSpike": {[]string{"anomalies_detected_total{" + target + `,severity="critical",sensor="a",kind="limit"} 0x5 1 2x30 3 4 4x60`,
		"anomalies_detected_total{" + target + `,severity="critical",sensor="b",kind="limit"} 0x36 1x70`, "anomalies_detected_total{" + target + `,severity="high",sensor="b",kind="limit"} 0x36 5x70`}, 15, 43, 70, "",
		"3 critical events within 15 minutes"},
	"HighInferenceLatency": {[]string{"inference_duration_seconds_bucket{" + target + `,le="0.01"} 0+60x20 1230+30x19 1860+60x50`, "inference_duration_seconds_bucket{" + target + `,le="0.025"} 0+60x100`,
		"inference_duration_seconds_bucket{" + target + `,le="+Inf"} 0+60x100`}, 25, 35, 60, "",
		"the 95th percentile of scoring a row is 23.5 ms"},
	"ModelDriftDetected": {[]string{"model_drift_score{" + ofPump + "} 0.69x10 0.8x20 0.69x20"}, 20, 25, 35, "machine: pump1",
		"pump1 has moved away from what was learnt, drift 0.8"},
	"AnomalyRateSpike": {[]string{"anomalies_detected_total{" + target + `,severity="high",sensor="a",kind="drift"} 0x10 9x70 21x200`}, 20, 100, 170, "",
		"12 events within an hour"},
	"HighCpuUsage": {[]string{"cpu_usage_percent{" + target + "} 79x20 95x20 79x20"}, 24, 30, 45, "",
		"the CPU of the gateway is 95 % busy"},
	"HighErrorRate": {[]string{"http_requests_total{" + target + `,status="200"} 0+60x100`, "http_requests_total{" + target + `,status="503"} 0+2x20 60+20x19 442+2x50`}, 20, 30, 55, "",
		"25 % of the HTTP requests end with an error"},
	"PossibleMemoryLeak": {[]string{"memory_usage_bytes{" + target + "} 20000000+66000x240 36000000+133000x240 68000000x300"}, 240, 480, 720, "",
		"memory grows by 7.98 MB an hour"},
	"NoDataReceived": {[]string{"sensor_last_good_timestamp_seconds{" + target + `,bus="plc",sensor="pump"} 0+60x30 1800x30 3720+60x50`, "sensor_reads_total{" + target + `,bus="plc",sensor="pump"} 0+60x200`,
		"sensor_last_good_timestamp_seconds{" + target + `,bus="plc",sensor="yearly"} 0x200`, "sensor_reads_total{" + target + `,bus="plc",sensor="yearly"} 1x200`}, 44, 50, 70, "bus: plc, sensor: pump",
		"pump has brought no value for 15 minutes"},
	"MachineBlind": {[]string{"machine_state{" + ofPump + `,state="blind"} 0x10 1x10 0x10`, "machine_state{" + ofPump + `,state="idle"} 1x100`}, 15, 17, 24, "machine: pump1, state: blind",
		"pump1 is not watched"},
	"FailedAuthenticationAttempts": {[]string{"authentication_failures_total{" + target + "} 0+5x20 112+12x19 345+5x50"}, 20, 30, 50, "",
		"0.2 requests a second come without the right token"},
	"CertificateExpiringSoon": {[]string{"certificate_expiry_timestamp{" + target + `,of="broker"} 2700000x60 864000x119 8640000x60`}, 60, 170, 190, "of: broker",
		"a certificate (broker) expires in 9.88 days"},
	"BrokerDisconnected": {[]string{"mqtt_connected{" + target + "} 1x10 0x20 1x20"}, 20, 25, 35, "",
		"the broker is not connected, events wait"},
	"MessagesLost": {[]string{"spool_dropped_total{" + target + "} 0x20 3x200", "spool_corrupt_total{" + target + "} 0x300"}, 20, 30, 90, "",
		"3 messages were lost within an hour"},
	"ConfigReloadFailed": {[]string{"config_last_reload_successful{" + target + "} 1x10 0x10 1x10"}, 11, 14, 23, "",
		"the newest configuration was refused, the one before is in force"},
	"LowThroughput": {[]string{"samples_processed_total{" + ofPump + "} 0+54x100", "samples_dropped_total{" + ofPump + "} 0+0.5x30 16+6x29 190.5+0.5x50"}, 30, 55, 80, "machine: pump1",
		"10 % of the rows of pump1 are dropped"},
	"SlowStartup": {[]string{"application_startup_duration_seconds{" + target + "} 0x5 45x100"}, 5, 10, 65, "",
		"the agent needed 45 s to start"},
	"AlertFrequencyHigh": {[]string{"alerts_generated_total{" + target + `,severity="high",type="mqtt"} 0x10 9x70 21x200`}, 20, 100, 170, "",
		"12 alerts of the gateway within an hour"},
	"ModelVersionMismatch": {[]string{"machine_model_problem{" + ofPump + "} 0x10 1x20 0x20"}, 20, 25, 35, "machine: pump1",
		"the model of pump1 is not that of its configuration"},
	"UnusualNetworkActivity": {[]string{"network_bytes_total{" + target + `,direction="received"} 0+50000000x30 1600000000+100000000x29 4550000000+50000000x50`, "network_bytes_total{" + target + `,direction="sent"} 0x200`}, 30, 58, 90, "",
		"the gateway sends and receives 1.67 MB a second"},
}

const build = `build_info{` + target + `,version="1",device_id="gw7",site="plant-3"} `

// TestRules_fire has promtool play each rule's history: a rule does not fire beside its
// bound nor before its time, fires with the labels and the text that people get, and
// resolves. At the moment of firing no other rule does. An old and a new build_info
// overlap, as after an update of a gateway that pushes.
func TestRules_fire(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds; left out with -short")
	}
	path, err := filepath.Abs(folder + "rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "rule_files: [%q]\nevaluation_interval: 1m\ntests:\n", path)
	for _, a := range Table() {
		tr, ok := trials[a.Name]
		if !ok {
			t.Errorf("%s has no history", a.Name)
			continue
		}
		labels := `job: iot-edge-anomaly, instance: "gw7:8080", device_id: gw7, site: plant-3`
		if tr.labels != "" {
			labels += ", " + tr.labels
		}
		series := tr.series
		if !strings.Contains(strings.Join(series, "\n"), "build_info") {
			series = append([]string{build + "1x1000", strings.Replace(build, `"1"`, `"2"`, 1) + "1x1000"}, series...)
		}
		series = append(series, "process_start_time_seconds{"+target+"} 0x1000")
		fmt.Fprintf(&b, "  - interval: 1m\n    name: %s\n    input_series:\n", a.Name)
		for _, s := range series {
			name, values, _ := strings.Cut(s, "} ")
			fmt.Fprintf(&b, "      - {series: '%s}', values: '%s'}\n", name, values)
		}
		fmt.Fprintf(&b, "    alert_rule_test:\n")
		for _, at := range []int{tr.before, tr.over} {
			fmt.Fprintf(&b, "      - {eval_time: %dm, alertname: %s, exp_alerts: []}\n", at, a.Name)
		}
		fmt.Fprintf(&b, "      - eval_time: %dm\n        alertname: %s\n        exp_alerts:\n          - exp_labels: {severity: %s, %s}\n            exp_annotations: {summary: %s, description: %s, runbook_url: %q}\n",
			tr.fires, a.Name, a.Level, labels, strconv.Quote("gw7 (plant-3): "+tr.says), strconv.Quote(a.Do), a.Runbook())
		fmt.Fprintf(&b, "    promql_expr_test:\n      - {expr: 'count by (alertname) (ALERTS{alertstate=\"firing\"})', eval_time: %dm, exp_samples: [{labels: '{alertname=\"%s\"}', value: 1}]}\n", tr.fires, a.Name)
	}
	down := Table()[slices.IndexFunc(Table(), func(a Alert) bool { return a.Name == "ApplicationDown" })]
	// Of an agent that never answered nobody knows the name.
	fmt.Fprintf(&b, "  - interval: 1m\n    name: never there\n    input_series:\n      - {series: 'up{%s}', values: '0x20'}\n    alert_rule_test:\n      - eval_time: 10m\n        alertname: ApplicationDown\n        exp_alerts:\n"+
		"          - exp_labels: {severity: critical, job: iot-edge-anomaly, instance: \"gw7:8080\"}\n            exp_annotations: {summary: \" (): the agent does not answer\", description: %q, runbook_url: %q}\n", target, down.Do, down.Runbook())
	file := filepath.Join(t.TempDir(), "rules_test.yml")
	if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	promtool(t, "test", "rules", file)
}

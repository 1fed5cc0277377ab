package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// dashboardFile is what Grafana imports.
const dashboardFile = "board/monitoring/dashboard.json"

// graph is a panel with one query.
type graph struct {
	title, kind, unit string // kind as Grafana names it, unit too
	expr, legend      string
	width             int  // of 24
	maybe             bool // it may be empty: without a broker, TLS, an alert
}

// of joins a query with the gateways that are chosen, so that each series names its own.
func of(expr string) string {
	return "(" + expr + ") * on (job, instance) group_left (device_id) max by (job, instance, device_id) (build_info{device_id=~\"$device\"})"
}

// rows are the parts of the dashboard.
var rows = []struct {
	title  string
	graphs []graph
}{
	{"Gateways and alerts", []graph{
		{"Gateways", "stat", "none", `count(max by (device_id) (build_info{device_id=~"$device"}))`, "gateways", 4, false},
		{"Not answering", "stat", "none", `sum(up{job="iot-edge-anomaly"} == bool 0)`, "gateways", 4, false},
		{"Critical events open", "stat", "none", "sum(" + of(`events_open{severity="critical"}`) + ")", "events", 4, false},
		{"Alerts firing", "table", "none", `ALERTS{alertstate="firing", device_id=~"$device"}`, "", 12, true},
		{"Events open", "timeseries", "none", "sum by (device_id, machine, kind) (" + of("events_open") + ") > 0", "{{device_id}} {{machine}} {{kind}}", 12, true},
		{"Events opened per hour", "timeseries", "none", "sum by (device_id, kind, severity) (" + of("increase(anomalies_detected_total[1h])") + ")", "{{device_id}} {{kind}} {{severity}}", 12, false},
	}},
	{"Machines", []graph{
		{"State", "state-timeline", "none", of("machine_state") + " == 1", "{{device_id}} {{machine}}: {{state}}", 24, false},
		{"Score (1 = threshold)", "timeseries", "none", of("anomaly_score"), "{{device_id}} {{machine}}", 12, false},
		{"Drift (0.7 = has drifted)", "timeseries", "none", of("model_drift_score"), "{{device_id}} {{machine}}", 12, true},
		{"Rows a second", "timeseries", "cps", of("rate(samples_processed_total[$__rate_interval])"), "{{device_id}} {{machine}}", 8, false},
		{"Rows dropped or not judged a second", "timeseries", "cps", of("rate(samples_dropped_total[$__rate_interval]) + on (job, instance, machine) sum by (job, instance, machine) (rate(inference_errors_total[$__rate_interval]))"), "{{device_id}} {{machine}}", 8, false},
		{"Time to score a row, 95th percentile", "timeseries", "s", of("histogram_quantile(0.95, sum by (job, instance, le) (rate(inference_duration_seconds_bucket[$__rate_interval])))"), "{{device_id}}", 8, false},
	}},
	{"Sensors", []graph{
		{"Values", "timeseries", "none", of("sensor_value"), "{{device_id}} {{channel}}", 12, false},
		{"Read errors a second", "timeseries", "cps", "sum by (device_id, sensor, reason) (" + of("rate(sensor_read_errors_total[$__rate_interval])") + ")", "{{device_id}} {{sensor}} {{reason}}", 12, false},
		{"Silent for", "timeseries", "s", of("time() - (sensor_last_good_timestamp_seconds > 0)"), "{{device_id}} {{sensor}}", 12, false},
		{"Duration of a read", "timeseries", "s", of("sensor_read_duration_seconds"), "{{device_id}} {{sensor}}", 12, false},
	}},
	{"Delivery", []graph{
		{"Broker connected", "timeseries", "none", of("mqtt_connected"), "{{device_id}}", 8, true},
		{"Messages waiting", "timeseries", "none", of("spool_messages"), "{{device_id}}", 8, false},
		{"Messages lost within an hour", "timeseries", "none", of("increase(spool_dropped_total[1h]) + increase(spool_corrupt_total[1h])"), "{{device_id}}", 8, false},
	}},
	{"The gateway", []graph{
		{"Memory", "timeseries", "bytes", of("memory_usage_bytes"), "{{device_id}}", 8, false},
		{"Memory of its limit", "timeseries", "percent", of("100 * memory_usage_bytes / memory_limit_bytes"), "{{device_id}}", 8, false},
		{"CPU of the gateway", "timeseries", "percent", of("cpu_usage_percent"), "{{device_id}}", 8, false},
		{"CPU of the agent, in cores", "timeseries", "none", of("rate(process_cpu_seconds_total[$__rate_interval])"), "{{device_id}}", 8, false},
		{"Disk full", "timeseries", "percent", of("disk_usage_percent"), "{{device_id}} {{path}}", 8, false},
		{"Written to disk a day", "timeseries", "bytes", of("86400 * rate(disk_bytes_written_total[1h])"), "{{device_id}}", 8, false},
		{"Network", "timeseries", "Bps", of("rate(network_bytes_total[$__rate_interval])"), "{{device_id}} {{direction}}", 8, false},
		{"HTTP requests a second", "timeseries", "reqps", of("rate(http_requests_total[$__rate_interval])"), "{{device_id}} {{status}}", 8, false},
		{"Days until a certificate expires", "timeseries", "d", of("(certificate_expiry_timestamp - time()) / 86400"), "{{device_id}} {{of}}", 8, true},
	}},
}

type object = map[string]any

// makeDashboard writes the panels as Grafana reads them.
func makeDashboard() ([]byte, error) {
	source := object{"type": "prometheus", "uid": "${source}"}
	var panels []object
	id, y := 0, 0
	add := func(p object, x, w, h int) {
		id++
		p["id"], p["gridPos"] = id, object{"x": x, "y": y, "w": w, "h": h}
		panels = append(panels, p)
	}
	for _, r := range rows {
		add(object{"type": "row", "title": r.title, "collapsed": false, "panels": []object{}}, 0, 24, 1)
		y++
		x := 0
		for _, g := range r.graphs {
			if x+g.width > 24 {
				x, y = 0, y+8
			}
			target := object{"refId": "A", "datasource": source, "expr": g.expr, "legendFormat": g.legend}
			if g.kind == "stat" || g.kind == "table" {
				target["instant"] = true
			}
			if g.kind == "table" {
				target["format"] = "table"
			}
			add(object{"type": g.kind, "title": g.title, "datasource": source, "targets": []object{target},
				"fieldConfig": object{"defaults": object{"unit": g.unit}, "overrides": []object{}}, "options": object{}}, x, g.width, 8)
			x += g.width
		}
		y += 8
	}
	return json.MarshalIndent(object{
		"uid": "iot-edge-anomaly", "title": "iot-edge-anomaly", "tags": []string{"iot-edge-anomaly"}, "schemaVersion": 39, "version": 1, "editable": true, "refresh": "30s",
		"time": object{"from": "now-6h", "to": "now"}, "timezone": "browser", "panels": panels,
		"templating": object{"list": []object{
			{"name": "source", "label": "Data source", "type": "datasource", "query": "prometheus"},
			{"name": "device", "label": "Gateway", "type": "query", "datasource": source, "query": object{"qryType": 1, "query": `label_values(build_info{device_id!=""}, device_id)`, "refId": "device"},
				"definition": `label_values(build_info{device_id!=""}, device_id)`, "includeAll": true, "allValue": ".*", "multi": true, "refresh": 2, "current": object{"text": "All", "value": "$__all"}},
		}},
	}, "", "  ")
}

// dashboard has Prometheus answer each query of the file as Grafana would send it.
func dashboard(c *checker, s *stack) error {
	b, err := os.ReadFile(dashboardFile)
	if err != nil {
		return err
	}
	var file struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(b, &file); err != nil {
		return err
	}
	empty := map[string]bool{}
	for _, r := range rows {
		for _, g := range r.graphs {
			empty[g.title] = g.maybe
		}
	}
	asked, answered := 0, 0
	for _, p := range file.Panels {
		for _, t := range p.Targets {
			n, err := series(s.prometheus, strings.NewReplacer("$device", ".*", "$__rate_interval", "1m").Replace(t.Expr))
			asked++
			switch {
			case err != nil:
				c.fail("dashboard, %s: %v", p.Title, err)
			case n > 0:
				answered++
			case !empty[p.Title]:
				c.fail("dashboard, %s: no series", p.Title)
			}
		}
	}
	c.say("dashboard: %d queries asked, %d with series", asked, answered)
	return nil
}

// series is how many series a query gives.
func series(addr, expr string) (int, error) {
	client := http.Client{Timeout: 10 * time.Second}
	r, err := client.Get("http://" + addr + "/api/v1/query?query=" + url.QueryEscape(expr))
	if err != nil {
		return 0, err
	}
	defer r.Body.Close()
	var answer struct {
		Error string
		Data  struct{ Result []any }
	}
	if err := json.NewDecoder(r.Body).Decode(&answer); err != nil {
		return 0, err
	}
	if answer.Error != "" {
		return 0, fmt.Errorf("%s: %s", expr, answer.Error)
	}
	return len(answer.Data.Result), nil
}

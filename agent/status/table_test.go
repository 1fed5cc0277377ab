package status

import (
	"bytes"
	"flag"
	"fmt"
	"math"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"iot-edge-anomaly/agent/detect"
	"iot-edge-anomaly/agent/devices"
	"iot-edge-anomaly/agent/judge"
	"iot-edge-anomaly/agent/mqtt"
	"iot-edge-anomaly/agent/report"
	"iot-edge-anomaly/agent/sampler"
	"iot-edge-anomaly/agent/spool"
	"iot-edge-anomaly/model"
)

var update = flag.Bool("update", false, "write docs/metrics.md anew")

// fresh is what an agent with every feature configured knows at its start.
func fresh() Snapshot {
	s := good()
	m := &s.Machines[0]
	m.Sampling.Flags = nil
	for _, q := range sampler.Qualities {
		m.Sampling.Flags = append(m.Sampling.Flags, sampler.Flags{Sensor: "pump", Quality: q})
	}
	m.Rows, m.Scored, m.Model = 0, 0, report.ModelRef{}
	s.Readings = []sampler.Reading{{Bus: "plc", Sensor: "pump", Values: []float64{math.NaN(), math.NaN()}}}
	s.Buses = []sampler.BusStats{{Bus: "plc"}}
	s.Modbus = []devices.ModbusStats{{Bus: "plc"}}
	s.Heard = []devices.Heard{{Bus: "line"}}
	s.I2C = []devices.I2CStats{{Bus: "env"}}
	s.Broker, s.Sparkplug, s.Spool = &mqtt.Stats{}, &Sparkplug{}, &spool.Stats{MaxBytes: 1000}
	s.Push = &PushStats{}
	s.Updates = []Updates{{Machine: s.Machines[0].Name}}
	return s
}

// full is what it knows once everything that can be told has something to tell.
func full() Snapshot {
	s := fresh()
	m := &s.Machines[0]
	m.Model = report.ModelRef{Version: "20261120T100000Z-1", SHA256: "f00d"}
	m.Drift = judge.Drift{Score: 0.4, Channels: []model.ChannelDrift{{Score: 0.4}, {Score: math.NaN()}}}
	s.Heard[0].Bytes, s.Heard[0].Understood = 200, 150
	s.Certificates = []Certificate{{"http", time.Unix(1764000000, 0)}}
	s.Opened = []report.Count{{Kind: detect.Alert, Severity: detect.High, Alert: "spool", N: 3}, {Kind: detect.ProcessAnomaly, Severity: detect.High, Sensor: "pump", N: 2},
		{Kind: detect.BusFault, Severity: detect.High, Bus: "plc", N: 1}, {Kind: detect.LimitExceeded, Severity: detect.Warning, N: 4}}
	return s
}

// one sample line of a scrape.
type sample struct {
	name   string
	labels map[string]string
	value  string
}

var line = regexp.MustCompile(`^([a-z0-9_]+)(?:\{(.*)\})? (\S+)$`)

// scraped renders a snapshot and takes the samples apart, those of the process
// and the Go runtime aside.
func scraped(t *testing.T, s Snapshot) (out []sample) {
	t.Helper()
	var b bytes.Buffer
	NewMetrics().Write(&b, &s)
	for text := range strings.Lines(b.String()) {
		if text = strings.TrimSuffix(text, "\n"); strings.HasPrefix(text, "#") || strings.HasPrefix(text, "go_") || strings.HasPrefix(text, "process_") {
			continue
		}
		parts := line.FindStringSubmatch(text)
		if parts == nil {
			t.Fatalf("no sample: %s", text)
		}
		got := sample{parts[1], map[string]string{}, parts[3]}
		for _, pair := range regexp.MustCompile(`([a-z_]+)="([^"]*)"`).FindAllStringSubmatch(parts[2], -1) {
			got.labels[pair[1]] = pair[2]
		}
		out = append(out, got)
	}
	return out
}

// rows are the rows of the table by name.
func rows() map[string]*metric {
	out := map[string]*metric{}
	for i := range table {
		for j := range table[i].metrics {
			m := &table[i].metrics[j]
			out[m.name] = m
		}
	}
	return out
}

// family is the name of a sample's metric.
func family(name string) string {
	for _, suffix := range []string{"_bucket", "_sum", "_count"} {
		if h, is := strings.CutSuffix(name, suffix); is && rows()[h] != nil {
			return h
		}
	}
	return name
}

// TestTable_complete: a full scrape shows every row of the table, and nothing
// that the table lacks.
func TestTable_complete(t *testing.T) {
	unseen := rows()
	for _, s := range scraped(t, full()) {
		if rows()[family(s.name)] == nil {
			t.Errorf("%s is not in the table", s.name)
		}
		delete(unseen, family(s.name))
	}
	for name := range unseen {
		t.Errorf("%s is in the table, but no scrape shows it", name)
	}
}

// TestTable_countersBeginAtZero: every counter exists before anything has
// happened, so that a rate sees its first event.
func TestTable_countersBeginAtZero(t *testing.T) {
	seen := map[string]int{}
	for _, s := range scraped(t, fresh()) {
		if rows()[family(s.name)].kind == counter {
			seen[s.name]++
			if s.value != "0" {
				t.Errorf("%s%v is %s at the start", s.name, s.labels, s.value)
			}
		}
	}
	for name, m := range rows() {
		if m.kind == counter && seen[name] == 0 {
			t.Errorf("%s does not exist at the start", name)
		}
	}
	for name, want := range map[string]int{"modbus_errors_total": 6, "modbus_listen_passed_total": 7, "i2c_errors_total": 5, "sensor_read_errors_total": 4,
		"sensor_flags_total": 5, "http_requests_total": 7, "anomalies_detected_total": 8, "inference_errors_total": 2, "alerts_generated_total": 1, "network_bytes_total": 2} {
		if seen[name] != want {
			t.Errorf("%s has %d series at the start, want %d", name, seen[name], want)
		}
	}
}

// TestTable_eventsAreCountedOnce: what was counted takes the place of the zero.
func TestTable_eventsAreCountedOnce(t *testing.T) {
	got := map[string]string{}
	for _, s := range scraped(t, full()) {
		if s.name == "anomalies_detected_total" || s.name == "alerts_generated_total" {
			key := fmt.Sprint(s.labels)
			if _, twice := got[key]; twice {
				t.Errorf("%s twice", key)
			}
			got[key] = s.value
		}
	}
	for key, want := range map[string]string{"map[kind:process_anomaly sensor:pump severity:high]": "2", "map[kind:process_anomaly sensor:pump severity:critical]": "0",
		"map[bus:plc kind:bus_fault severity:high]": "1", "map[kind:limit severity:warning]": "4", "map[severity:high type:spool]": "3"} {
		if got[key] != want {
			t.Errorf("%s: %q, want %s", key, got[key], want)
		}
	}
}

// TestTable_labelsMeanWhatTheySay: a sensor is a sensor, a channel is a channel.
func TestTable_labelsMeanWhatTheySay(t *testing.T) {
	valid := map[string][]string{"sensor": {"pump"}, "channel": {"pump.flow", "pump.speed"}, "machine": {"pump1"}, "bus": {"plc", "line", "env"}}
	for _, s := range scraped(t, full()) {
		for label, value := range s.labels {
			if ok := valid[label]; ok != nil && !slices.Contains(ok, value) {
				t.Errorf("%s: %s=%q", s.name, label, value)
			}
		}
	}
}

// TestTable_valuesAreDocumented: the help names every value of a label that the
// program itself chooses.
func TestTable_valuesAreDocumented(t *testing.T) {
	for _, s := range scraped(t, full()) {
		for _, label := range []string{"reason", "quality", "state", "severity", "kind", "direction", "of"} {
			if v := s.labels[label]; v != "" && !strings.Contains(rows()[s.name].help, v) {
				t.Errorf("%s: the help does not name %s %s", s.name, label, v)
			}
		}
	}
}

func TestTable_style(t *testing.T) {
	seen := map[string]bool{}
	for _, sec := range table {
		for _, m := range sec.metrics {
			if seen[m.name] {
				t.Errorf("%s stands twice", m.name)
			}
			seen[m.name] = true
			if (m.kind == counter) != strings.HasSuffix(m.name, "_total") {
				t.Errorf("%s is a %s: counters, and only they, end in _total", m.name, m.kind)
			}
			for _, text := range []string{m.help, m.meaning} {
				if !strings.HasSuffix(text, ".") || strings.ContainsAny(text, "\n|\\") {
					t.Errorf("%s: %q: want sentences without | and \\", m.name, text)
				}
			}
		}
	}
	for _, r := range renamed {
		if m := rows()[r.metric]; m == nil || !slices.Contains(m.labels, r.now) {
			t.Errorf("renamed label %s of %s: not in the table", r.now, r.metric)
		}
	}
}

func TestSample(t *testing.T) {
	m := metric{name: "n", labels: labels("a", "b")}
	for want, v := range map[string]struct {
		value  float64
		labels []string
	}{
		"n{a=\"x\"} 1\n":                        {1, []string{"x", ""}},
		"n{b=\"y\"} 134217728\n":                {128 << 20, []string{"", "y"}},
		"n 0.25\n":                              {0.25, []string{"", ""}},
		"n{a=\"q\\\"\\\\\\n°\"} NaN\n":          {math.NaN(), []string{"q\"\\\n°", ""}},
		"n{a=\"x\",b=\"y\"} 1764000000\n":       {1.764e+09, []string{"x", "y"}},
		"n{a=\"x\",b=\"y\"} -3\n":               {-3, []string{"x", "y"}},
		"n{a=\"z\",b=\"y\"} 1.7640000005e+09\n": {1764000000.5, []string{"z", "y"}},
	} {
		var b bytes.Buffer
		if m.sample(&b, v.value, v.labels); b.String() != want {
			t.Errorf("got %q, want %q", b.String(), want)
		}
	}
}

// TestMetricsPage: docs/metrics.md says what the table says.
func TestMetricsPage(t *testing.T) {
	const path = "../../docs/metrics.md"
	want := metricsPage()
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("docs/metrics.md is stale: run make golden and read the diff")
	}
}

// metricsPage renders the table for people.
func metricsPage() string {
	var b strings.Builder
	b.WriteString(`# Metrics

` + "`/metrics` of the agent's HTTP endpoint (by default http://127.0.0.1:8080/metrics) gives these metrics in Prometheus' text format." + `
This page is written from the table in ` + "`agent/status/table.go` by `make golden`" + `; do not edit it by hand.

Labels have one meaning everywhere:

| label | what it names |
|---|---|
| ` + "`machine`" + ` | a configured machine |
| ` + "`sensor`" + ` | a configured sensor |
| ` + "`channel`" + ` | one channel of a sensor by its full name, ` + "`sensor.channel`" + ` |
| ` + "`bus`" + ` | a configured bus; for a sensor without a bus, the sensor itself |

A counter exists with the value 0 from the first scrape on, with each value of its labels that is known beforehand, so that a rate
or an increase sees the first event too. Counters start again at 0 when the agent restarts; those of a bus, a sensor or a machine also when the configuration
is reloaded.
`)
	for _, sec := range table {
		b.WriteString("\n## " + sec.title + "\n\n| metric | type | what it is | what to conclude |\n|---|---|---|---|\n")
		for _, m := range sec.metrics {
			name := m.name
			if len(m.labels) > 0 {
				name += "{" + strings.Join(m.labels, ",") + "}"
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", name, m.kind, m.help, m.meaning)
		}
	}
	b.WriteString(`
## Process and Go runtime

` + "`process_*` (see proc(5)) and `go_*` (see Go's package runtime/metrics) describe the process itself. The metrics library writes them; which of them exist depends on the kernel." + `
The most useful are ` + "`process_cpu_seconds_total`, `process_resident_memory_bytes`, `process_open_fds` and `go_goroutines`" + `.

## Renamed labels

| metric | label before | label now |
|---|---|---|
`)
	for _, r := range renamed {
		fmt.Fprintf(&b, "| `%s` | %s | `%s` |\n", r.metric, r.before, r.now)
	}
	return b.String()
}

// BenchmarkScrape scrapes a gateway of 200 sensors.
func BenchmarkScrape(b *testing.B) {
	s := full()
	for i := range 200 {
		s.Readings = append(s.Readings, sampler.Reading{Bus: "plc", Sensor: fmt.Sprintf("s%d", i), LastGood: time.Unix(1764000000, 0)})
	}
	m := NewMetrics()
	var out bytes.Buffer
	for b.Loop() {
		out.Reset()
		m.Write(&out, &s)
	}
	b.ReportMetric(float64(out.Len()), "B/scrape")
}

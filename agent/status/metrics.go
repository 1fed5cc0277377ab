package status

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"strconv"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"iot-edge-anomaly/agent/pipeline"
	"iot-edge-anomaly/agent/sampler"
)

// inferenceBuckets are the bounds in seconds; 0.01 is the alert's.
var inferenceBuckets = []float64{25e-6, 50e-6, 1e-4, 2.5e-4, 5e-4, 1e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 1e-1}

// errorBuckets are the bounds of the score; 1 is the threshold.
var errorBuckets = []float64{0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10}

// Metrics is the one place where Prometheus names live. Histograms are fed by
// the stages; everything else is copied from a snapshot at each scrape. It is
// safe for concurrent use.
type Metrics struct {
	set       *metrics.Set // what is counted here
	inference *metrics.PrometheusHistogram
	scores    *metrics.PrometheusHistogram
}

// NewMetrics makes an empty registry of its own.
func NewMetrics() *Metrics {
	set := metrics.NewSet()
	metrics.ExposeMetadata(true)
	return &Metrics{set: set,
		inference: set.NewPrometheusHistogramExt("inference_duration_seconds", inferenceBuckets),
		scores:    set.NewPrometheusHistogramExt("reconstruction_error", errorBuckets)}
}

// Inference takes the time of one inference in seconds. It does not allocate.
func (m *Metrics) Inference(seconds float64) { m.inference.Update(seconds) }

// Score takes one score. It does not allocate.
func (m *Metrics) Score(value float64) { m.scores.Update(value) }

func (m *Metrics) request(code int) {
	m.set.GetOrCreateCounter(`http_requests_total{status="` + strconv.Itoa(code) + `"}`).Inc()
}

// scrape holds the copied values of one scrape, so that what is no more, a
// machine or a model, is not told any longer.
type scrape struct{ set *metrics.Set }

// counter and gauge copy a value under a name; label pairs follow. Label values
// come from names that the configuration restricts.
func (m *scrape) counter(v uint64, name string, labels ...string) {
	m.set.GetOrCreateCounter(series(name, labels)).Set(v)
}

func (m *scrape) gauge(v float64, name string, labels ...string) {
	m.set.GetOrCreateGauge(series(name, labels), nil).Set(v)
}

func series(name string, labels []string) string {
	if len(labels) == 0 {
		return name
	}
	b := append([]byte(name), '{')
	for i := 0; i < len(labels); i += 2 {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(b, labels[i]...), '=')
		b = strconv.AppendQuoteToASCII(b, labels[i+1])
	}
	return string(append(b, '}'))
}

func flag(on bool) float64 {
	if on {
		return 1
	}
	return 0
}

func seconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}

// Write renders the snapshot in Prometheus' text format.
func (ms *Metrics) Write(w io.Writer, s *Snapshot, refused uint64) {
	m := &scrape{metrics.NewSet()}
	m.gauge(1, "build_info", "version", s.Build.Version, "commit", s.Build.Commit, "go", s.Build.Go, "kernel", s.Build.Kernel, "arch", runtime.GOARCH, "device_id", s.Device, "site", s.Site)
	m.gauge(s.ReadyAfter.Seconds(), "application_startup_duration_seconds")
	m.gauge(flag(s.ReloadOK), "config_last_reload_successful")
	m.gauge(flag(s.Stalled == ""), "watchdog_progress")
	m.counter(refused, "authentication_failures_total")
	m.memory(s)
	for i := range s.Machines {
		m.machine(&s.Machines[i])
	}
	for i := range s.Readings {
		m.reading(&s.Readings[i])
	}
	for _, b := range s.Buses {
		m.counter(b.Overruns, "bus_overruns_total", "bus", b.Bus)
		m.counter(b.Panics, "bus_panics_total", "bus", b.Bus)
	}
	for i := range s.Modbus {
		m.modbusLine(&s.Modbus[i])
	}
	for i := range s.Ears {
		m.modbusEar(&s.Ears[i])
	}
	for i := range s.I2C {
		m.i2cBus(&s.I2C[i])
	}
	m.delivery(s)
	for _, e := range s.Opened {
		m.counter(e.N, "anomalies_detected_total", "severity", e.Severity, "sensor", e.Sensor, "kind", e.Kind)
	}
	var b bytes.Buffer
	ms.set.WritePrometheus(&b)
	m.set.WritePrometheus(&b)
	metrics.WriteProcessMetrics(&b)
	writeHelped(w, b.Bytes())
}

func (m *scrape) memory(s *Snapshot) {
	m.gauge(float64(residentBytes()), "memory_usage_bytes")
	if s.MemoryLimit > 0 {
		m.gauge(float64(s.MemoryLimit), "memory_limit_bytes")
	}
}

var states = []pipeline.State{pipeline.Learning, pipeline.Idle, pipeline.Normal, pipeline.Anomaly, pipeline.Blind}

func (m *scrape) machine(s *pipeline.Status) {
	n := s.Name
	for _, st := range states {
		m.gauge(flag(s.State == st), "machine_state", "machine", n, "state", string(st))
	}
	m.counter(s.Rows, "samples_processed_total", "machine", n)
	m.counter(s.Scored, "samples_scored_total", "machine", n)
	m.counter(s.Dropped, "samples_dropped_total", "machine", n)
	m.counter(s.Late, "samples_late_total", "machine", n)
	m.counter(s.Errors, "machine_errors_total", "machine", n)
	m.gauge(seconds(s.RowTime), "machine_last_row_timestamp_seconds", "machine", n)
	progress := 1.0
	if s.State == pipeline.Learning {
		progress = s.Learning.Done
	}
	m.gauge(progress, "learning_progress_ratio", "machine", n)
	m.gauge(s.Score, "anomaly_score", "machine", n)
	if s.Model.Version != "" {
		m.gauge(1, "model_info", "machine", n, "model_version", s.Model.Version, "sha", s.Model.SHA256)
	}
	m.drift(n, s)
	for i, c := range s.Channels {
		m.gauge(s.Values[i], "sensor_value", "machine", n, "sensor", c.Name)
		m.gauge(float64(s.Quality[i]), "sensor_quality", "machine", n, "sensor", c.Name)
	}
	for _, f := range s.Flags {
		m.counter(f.N, "sensor_flags_total", "machine", n, "sensor", f.Sensor, "quality", f.Quality.String())
	}
}

// drift leaves out what cannot be said yet: 0 would be a claim.
func (m *scrape) drift(name string, s *pipeline.Status) {
	if !math.IsNaN(s.Drift.Score) {
		m.gauge(s.Drift.Score, "model_drift_score", "machine", name)
	}
	for i, d := range s.Drift.Channels {
		if !math.IsNaN(d.Score) {
			m.gauge(d.Score, "model_drift_sensor_score", "machine", name, "sensor", s.Channels[i].Name)
		}
	}
}

func (m *scrape) reading(r *sampler.Reading) {
	m.counter(r.Reads, "sensor_reads_total", "bus", r.Bus, "sensor", r.Sensor)
	for i, reason := range sampler.Reasons {
		m.counter(r.Errors[i], "sensor_read_errors_total", "bus", r.Bus, "sensor", r.Sensor, "reason", reason)
	}
	m.gauge(seconds(r.LastGood), "sensor_last_good_timestamp_seconds", "bus", r.Bus, "sensor", r.Sensor)
	m.gauge(r.Latency.Seconds(), "sensor_read_duration_seconds", "bus", r.Bus, "sensor", r.Sensor)
}

func (m *scrape) delivery(s *Snapshot) {
	if b := s.Broker; b != nil {
		m.gauge(flag(b.Connected), "mqtt_connected")
		m.counter(b.Connects, "mqtt_connects_total")
		m.counter(b.Disconnects, "mqtt_disconnects_total")
		m.counter(b.Published, "mqtt_publish_sent_total")
		m.counter(b.Acked, "mqtt_publish_acked_total")
		m.counter(b.Resent, "mqtt_publish_resent_total")
		m.counter(b.Errors, "mqtt_publish_errors_total")
	}
	if q := s.Spool; q != nil {
		m.gauge(float64(q.Messages), "spool_messages")
		m.gauge(float64(q.Bytes), "spool_bytes")
		m.gauge(q.OldestAge.Seconds(), "spool_oldest_age_seconds")
		m.counter(q.Dropped, "spool_dropped_total")
		m.counter(q.Corrupt, "spool_corrupt_total")
		m.counter(q.Appended, "spool_appended_total")
		m.counter(q.BytesWritten, "disk_bytes_written_total")
	}
}

// residentBytes is the process's resident set, from /proc/self/statm; 0 where
// the kernel does not tell.
func residentBytes() uint64 {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	var pages, resident uint64
	if _, err := fmt.Sscanf(string(b), "%d %d", &pages, &resident); err != nil {
		return 0
	}
	return resident * uint64(os.Getpagesize())
}

package status

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"iot-edge-anomaly/agent/detect"
	"iot-edge-anomaly/agent/devices"
	"iot-edge-anomaly/agent/guard"
	"iot-edge-anomaly/agent/judge"
	"iot-edge-anomaly/agent/machine"
	"iot-edge-anomaly/agent/mqtt"
	"iot-edge-anomaly/agent/report"
	"iot-edge-anomaly/agent/sampler"
	"iot-edge-anomaly/agent/spool"
	"iot-edge-anomaly/agent/status/page"
	"iot-edge-anomaly/drivers"
	"iot-edge-anomaly/drivers/modbus"
	"iot-edge-anomaly/model"
)

// good is a snapshot with nothing to complain about.
func good() Snapshot {
	now := time.Now()
	return Snapshot{
		Build: Build{"v1", "abc", "go1.26", "generic"}, Device: "gw7", Site: "plant-3", Started: now.Add(-time.Hour), Now: now,
		ReadyAfter: 80 * time.Millisecond, TimeQuality: "synced", ReloadOK: true, MemoryLimit: 128 << 20,
		Machines: []machine.Status{{Name: "pump1", State: judge.Normal, Since: now.Add(-time.Hour), Period: time.Second, RowTime: now.Add(-time.Second),
			Channels: []model.Channel{{Name: "pump.flow", Unit: "m³/h"}, {Name: "pump.speed", Unit: "Hz"}}, Sensors: []string{"pump", "pump"},
			Values: []float64{12.5, math.NaN()}, Quality: []sampler.Quality{sampler.Good, sampler.Missing},
			Raw: []float64{12.5, math.NaN()}, At: []time.Time{now.Add(-time.Second), {}}, Sampling: sampler.RowStats{Flags: []sampler.Flags{{Sensor: "pump", Quality: sampler.Good, N: 99}}}, Score: 0.4, Rows: 100, Scored: 80, Drift: judge.Drift{Score: math.NaN(), Relation: math.NaN()},
			Model: report.ModelRef{Version: "2026-11-20T10:00:00Z-1", SHA256: "f00d"}}},
		Readings: []sampler.Reading{{Bus: "plc", Sensor: "pump", Values: []float64{12.5, math.NaN()}, LastGood: now.Add(-time.Second), Reads: 100, Errors: [4]uint64{1}}},
		Modbus:   []devices.ModbusStats{{Bus: "plc", Stats: modbus.Stats{RequestStats: modbus.RequestStats{Requests: 11}, LinkStats: modbus.LinkStats{Resyncs: 3, Timeouts: 5}}}},
		Heard:    []devices.Heard{{Bus: "line", ListenStats: modbus.ListenStats{Bytes: 200, Understood: 150, Exchanges: 9, Bursts: 2}}},
		Buses:    []sampler.BusStats{{Bus: "plc", Overruns: 2}},
		Broker:   &mqtt.Stats{Broker: "tcp://b:1883", Connected: true, Deliveries: mqtt.Deliveries{Acked: 7}},
		Commands: []Commands{{Verb: "ack"}, {Verb: "mute"}},
		Spool:    &spool.Stats{MaxBytes: 1000},
		Host:     Host{Figures: guard.Figures{CPU: 12.5, Disks: []guard.Disk{{Path: "/var/lib/iot-edge-anomaly", Percent: 40}}, Heat: guard.Heat{Part: "cpu-thermal", Celsius: 50, Most: 80}}},
		Alerts:   []report.Count{{Kind: detect.Alert, Severity: detect.High, Alert: "spool"}},
	}
}

func TestHealth(t *testing.T) {
	for _, tc := range []struct {
		name  string
		spoil func(*Snapshot)
		want  Level
		check string
		text  string
	}{
		{"all well", func(*Snapshot) {}, Healthy, "sampling", ""},
		{"no row for four periods", func(s *Snapshot) { s.Machines[0].RowTime = s.Now.Add(-4 * time.Second) }, Unhealthy, "sampling", "newest row is 4s old"},
		{"never a row", func(s *Snapshot) { s.Machines[0].RowTime = time.Time{} }, Unhealthy, "sampling", "pump1"},
		{"a stage stands still", func(s *Snapshot) { s.Stalled = "delivery" }, Unhealthy, "progress", "delivery makes no progress"},
		{"broker away", func(s *Snapshot) { s.Broker.Connected, s.Broker.LastError = false, "connection refused" }, Degraded, "mqtt", "not connected to tcp://b:1883: connection refused"},
		{"edge node not connected", func(s *Snapshot) { s.Sparkplug = &Sparkplug{Line: mqtt.SidelineStats{LastError: "no route"}} }, Degraded, "sparkplug", "not connected: no route"},
		{"edge node connected", func(s *Snapshot) { s.Sparkplug = &Sparkplug{Line: mqtt.SidelineStats{Connected: true}} }, Healthy, "sparkplug", "connected"},
		{"no broker configured", func(s *Snapshot) { s.Broker = nil }, Healthy, "sampling", ""},
		{"a sensor fails", func(s *Snapshot) {
			s.Readings = append(s.Readings, sampler.Reading{Sensor: "cab", Err: errors.New("no answer")})
		}, Degraded, "sensors", "1 of 2 sensors does not deliver; cab: no answer"},
		{"all sensors fail", func(s *Snapshot) { s.Readings[0].Err, s.Readings[0].Values = errors.New("no answer"), nil }, Degraded, "sensors", "no sensor delivers"},
		{"a probe is not connected", func(s *Snapshot) { s.Readings[0].Err = errors.New("probe is 0x8000") }, Degraded, "sensors",
			"1 of 1 sensors delivers only some of their values; pump: probe is 0x8000"},
		{"no sensor delivers any more", func(s *Snapshot) {
			s.Readings[0].LastGood, s.Readings[0].Err, s.Readings[0].Values = s.Now.Add(-12*time.Second), errors.New("no answer"), nil
		}, Unhealthy, "sensors", "no sensor of any machine has delivered for 12s: no sensor delivers; pump: no answer"},
		{"the same, but the machine stands still", func(s *Snapshot) {
			s.Readings[0].LastGood, s.Machines[0].State = s.Now.Add(-12*time.Second), judge.Idle
		}, Healthy, "sensors", ""},
		{"a sensor that is read once a minute", func(s *Snapshot) {
			s.Readings[0].LastGood, s.Readings[0].Period = s.Now.Add(-59*time.Second), time.Minute
		}, Healthy, "sensors", ""},
		{"a sensor that was to be read once a second", func(s *Snapshot) { s.Readings[0].LastGood = s.Now.Add(-59 * time.Second) }, Unhealthy, "sensors", "has delivered for 59s"},
		{"one machine of two delivers", func(s *Snapshot) {
			s.Machines = append(s.Machines, s.Machines[0])
			s.Machines[1].Sensors = []string{"cab"}
			s.Readings = append(s.Readings, sampler.Reading{Sensor: "cab", LastGood: s.Now.Add(-time.Minute)})
		}, Healthy, "sensors", ""},
		{"a reload has made the sensor just now", func(s *Snapshot) {
			s.Readings[0].LastGood, s.Readings[0].Since, s.Readings[0].Values = time.Time{}, s.Now.Add(-time.Second), nil
		}, Healthy, "sensors", ""},
		{"blind", func(s *Snapshot) { s.Machines[0].State, s.Machines[0].Note = judge.Blind, "no model" }, Degraded, "model", "machine pump1 is blind: no model"},
		{"clock unset", func(s *Snapshot) { s.TimeQuality = "unset" }, Degraded, "clock", "not set"},
		{"messages lost", func(s *Snapshot) { s.Spool.LastLoss, s.Spool.LossAt = "3 messages of the queue are lost", s.Now }, Degraded, "spool", "3 messages"},
		{"disk full", func(s *Snapshot) { s.Spool.Down = "no space left on device" }, Degraded, "spool", "no space left"},
		{"queue nearly full", func(s *Snapshot) { s.Spool.Bytes = 950 }, Degraded, "spool", "950 of 1000 bytes"},
		{"no certificate", func(s *Snapshot) { s.HTTP = "http certificate: no such file" }, Degraded, "http", "no such file"},
		{"control socket", func(s *Snapshot) { s.Control = "/run/a/s: no such file" }, Degraded, "control", "cannot be asked: /run/a/s"},
		{"reload refused", func(s *Snapshot) { s.ReloadOK = false }, Degraded, "configuration", "refused"},
	} {
		s := good()
		tc.spoil(&s)
		h := s.Health()
		if c := h.Checks[tc.check]; h.Status != tc.want || !strings.Contains(c.Detail, tc.text) {
			t.Errorf("%s: %v, %s %+v; want %v, %q", tc.name, h.Status, tc.check, c, tc.want, tc.text)
		}
	}
}

// serve starts a server on the snapshot that fill gives.
func serve(t *testing.T, o ServerOptions, fill func() Snapshot) string {
	t.Helper()
	o.Listen, o.Collect, o.Metrics, o.Log = "127.0.0.1:0", fill, NewMetrics(), slog.New(slog.DiscardHandler)
	s := NewServer(o)
	run(t, s)
	return "http://" + address(t, s)
}

// run lets a server answer until the end of the test.
func run(t *testing.T, s *Server) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { s.Serve(ctx); close(done) }()
	t.Cleanup(func() { cancel(); <-done })
}

// address waits until the server listens.
func address(t *testing.T, s *Server) string {
	t.Helper()
	for end := time.Now().Add(time.Minute + 2*listenEvery); time.Now().Before(end); time.Sleep(time.Millisecond) {
		s.mu.Lock()
		ln := s.ln
		s.mu.Unlock()
		if ln != nil {
			return ln.Addr().String()
		}
	}
	t.Fatalf("the server does not listen: %s", s.Trouble())
	return ""
}

func get(t *testing.T, url string, header ...string) (int, string) {
	t.Helper()
	req, err := http.NewRequest("GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		if header[i] == "Host" {
			req.Host = header[i+1]
		}
		req.Header.Set(header[i], header[i+1])
	}
	r, err := (&http.Client{Timeout: 5 * time.Second}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(b)
}

// TestPanic: a mistake in the program is logged and counted as a 500.
func TestPanic(t *testing.T) {
	var log bytes.Buffer
	s := NewServer(ServerOptions{Listen: "127.0.0.1:0", Collect: func() Snapshot { panic("a mistake") }, Metrics: NewMetrics(), Log: slog.New(slog.NewTextHandler(&log, nil))})
	w := httptest.NewRecorder()
	s.srv.Handler.ServeHTTP(w, httptest.NewRequest("GET", "http://127.0.0.1/health", nil))
	if w.Code != 500 || s.o.Metrics.requests[500].Load() != 1 || !strings.Contains(log.String(), "level=ERROR") || !strings.Contains(log.String(), "a mistake") {
		t.Errorf("answer %d, counted %d, log %q", w.Code, s.o.Metrics.requests[500].Load(), &log)
	}
}

func TestEndpoints(t *testing.T) {
	var mu sync.Mutex
	snap := good()
	base := serve(t, ServerOptions{}, func() Snapshot { mu.Lock(); defer mu.Unlock(); return snap })
	for path, want := range map[string]int{"/": 200, "/health": 200, "/health/live": 200, "/health/ready": 200, "/metrics": 200, "/api/v1/state": 200, "/nothing": 404} {
		if code, body := get(t, base+path); code != want {
			t.Errorf("%s: %d, want %d: %s", path, code, want, body)
		}
	}
	_, body := get(t, base+"/health")
	var h struct {
		Status string
		Checks map[string]struct{ Status string }
	}
	if err := json.Unmarshal([]byte(body), &h); err != nil || h.Status != "healthy" || h.Checks["sampling"].Status != "healthy" {
		t.Errorf("%v: %s", err, body)
	}
	var p page.State
	_, body = get(t, base+"/api/v1/state")
	if err := json.Unmarshal([]byte(body), &p); err != nil || *p.Machines[0].Channels[0].Value != 12.5 || p.Machines[0].Channels[1].Value != nil {
		t.Errorf("%v: %s", err, body)
	}
	mu.Lock()
	snap.Stalled, snap.ReadyAfter = "sampling", 0
	mu.Unlock()
	for _, path := range []string{"/health", "/health/live", "/health/ready"} {
		if code, body := get(t, base+path); code != 503 {
			t.Errorf("%s: %d, want 503: %s", path, code, body)
		}
	}
	r, err := http.Post(base+"/health", "text/plain", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	if r.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST /health: %d, want 405: the endpoint is read-only", r.StatusCode)
	}
}

func TestForeignHostAndTokenAreRefused(t *testing.T) {
	base := serve(t, ServerOptions{}, good)
	if code, _ := get(t, base+"/health", "Host", "evil.example"); code != http.StatusMisdirectedRequest {
		t.Errorf("foreign host: %d, want 421", code)
	}
	if code, _ := get(t, base+"/health", "Host", "localhost"); code != 200 {
		t.Errorf("localhost: %d", code)
	}
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	base = serve(t, ServerOptions{TokenFile: token}, good)
	basic := func(password string) string {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte("anybody:"+password))
	}
	for auth, want := range map[string]int{"": 401, "Bearer wrong": 401, "Bearer": 401, "Bearer s3cret": 200, "bearer  s3cret": 200,
		"s3cret": 401, "Digest s3cret": 401, basic("s3cret"): 200, basic("wrong"): 401, basic(""): 401} {
		if code, _ := get(t, base+"/metrics", "Authorization", auth); code != want {
			t.Errorf("%q: %d, want %d", auth, code, want)
		}
	}
	r, err := http.Get(base)
	if err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	if asks := strings.Join(r.Header.Values("WWW-Authenticate"), " "); !strings.Contains(asks, "Bearer") || !strings.Contains(asks, "Basic realm=") {
		t.Errorf("the page is refused with %q: a browser asks its user for Basic only", asks)
	}
}

// TestAllowedHost: on the loopback address only names of it, for other names are
// pages' that want to read it; a server for others goes by names it cannot know.
func TestAllowedHost(t *testing.T) {
	for _, tc := range []struct {
		listen, token, host string
		want                bool
	}{
		{"127.0.0.1:8080", "", "127.0.0.1:8080", true},
		{"127.0.0.1:8080", "", "localhost:8080", true},
		{"127.0.0.1:8080", "", "gw7.plant:8080", false},
		{"localhost:8080", "", "gw7.plant:8080", false},
		{"[::1]:8080", "", "[::1]:8080", true},
		{"[::1]:8080", "", "gw7.plant:8080", false},
		{"127.0.0.1:8080", "file", "gw7.plant:8080", true}, // through a proxy
		{":8080", "", "gw7.plant:8080", true},
		{"0.0.0.0:8080", "", "gw7:8080", true},
		{"10.1.2.3:8080", "", "gw7.plant:8080", true},
		{"gw7.plant:8080", "", "gw7:8080", true},
	} {
		s := &Server{o: ServerOptions{Listen: tc.listen, TokenFile: tc.token}}
		if got := s.allowedHost(tc.host); got != tc.want {
			t.Errorf("listening on %s, token %q, asked for %s: %v, want %v", tc.listen, tc.token, tc.host, got, tc.want)
		}
	}
}

// TestTakenAddress: the server comes up once the address is free.
func TestTakenAddress(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := NewServer(ServerOptions{Listen: ln.Addr().String(), Collect: good, Metrics: NewMetrics(), Log: slog.New(slog.DiscardHandler)})
	run(t, s)
	for end := time.Now().Add(time.Minute); s.Trouble() == ""; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("an address in use is no trouble")
		}
	}
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	if code, _ := get(t, "http://"+address(t, s)+"/health"); code != 200 || s.Trouble() != "" {
		t.Errorf("on the freed address: %d, trouble %q", code, s.Trouble())
	}
}

// TestPageTellsMute: the page has who muted a machine, and who acknowledged an event.
func TestPageTellsMute(t *testing.T) {
	s := good()
	s.Machines[0].Mute = &machine.Mute{Until: s.Now.Add(time.Hour), By: "bob", Note: "new bearing"}
	m := s.Page().Machines[0]
	if m.Muted == nil || m.Muted.By != "bob" || m.Muted.Note != "new bearing" || !m.Muted.Until.Equal(s.Now.Add(time.Hour)) {
		t.Errorf("%+v", m.Muted)
	}
	if s := good(); s.Page().Machines[0].Muted != nil {
		t.Error("muted by nobody")
	}
	for quality, says := range map[string]string{"unknown": "no time server confirms", "synced": "synced"} {
		s.TimeQuality = quality
		if c := s.Health().Checks["clock"]; c.Status != Healthy || !strings.Contains(c.Detail, says) {
			t.Errorf("%s: %+v", quality, c)
		}
	}
}

// TestPageTellsQuality: a suspect value is shown with the test it failed, a
// stale one is not shown but says how old it is.
func TestPageTellsQuality(t *testing.T) {
	s := good()
	m, r := &s.Machines[0], &s.Readings[0]
	m.Values[0], m.Quality[0], m.Raw[0] = math.NaN(), sampler.Suspect, 999
	m.Quality[1], m.At[1] = sampler.Stale, s.Now.Add(-90*time.Second)
	r.Channels = []drivers.Channel{{Name: "flow"}, {Name: "speed"}}
	r.Quality, r.Doubts = []sampler.Quality{sampler.Suspect, sampler.Missing}, []sampler.Doubt{sampler.Spike, sampler.NoDoubt}
	got := s.Page().Machines[0].Channels
	if c := got[0]; c.Quality != "suspect" || *c.Value != 999 || c.Error != "a jump" || *c.AgeS != 1 {
		t.Errorf("suspect: %+v", c)
	}
	if c := got[1]; c.Quality != "stale" || c.Value != nil || *c.AgeS != 90 {
		t.Errorf("stale: %+v", c)
	}
}

func TestMetrics(t *testing.T) {
	m := NewMetrics()
	m.Inference(0.0002)
	m.Score(0.5)
	m.request(200)
	m.refused.Add(3)
	s := good()
	var b strings.Builder
	m.Write(&b, &s)
	if strings.Contains(b.String(), "model_drift") {
		t.Error("drift is told while nothing can be said of it")
	}
	s.Machines[0].Model = report.ModelRef{Version: "next", SHA256: "beef"}
	s.Machines[0].Drift = judge.Drift{Score: 0.75, Relation: 0.1, Channels: []model.ChannelDrift{{Score: 0.75}, {Score: math.NaN()}}}
	b.Reset()
	m.Write(&b, &s)
	text := b.String()
	for _, want := range []string{
		`inference_duration_seconds_bucket{le="0.00025"} 1`, "# TYPE inference_duration_seconds histogram",
		`reconstruction_error_bucket{le="0.5"} 1`, `samples_processed_total{machine="pump1"} 100`,
		`machine_state{machine="pump1",state="normal"} 1`, `machine_state{machine="pump1",state="learning"} 0`,
		`model_info{machine="pump1",model_version="next",sha="beef"} 1`, `sensor_value{machine="pump1",channel="pump.flow"} 12.5`,
		`model_drift_score{machine="pump1"} 0.75`, `model_drift_sensor_score{machine="pump1",channel="pump.flow"} 0.75`,
		"mqtt_connected 1", "mqtt_publish_acked_total 7", "spool_messages 0", "memory_limit_bytes 134217728", "authentication_failures_total 3",
		`sensor_flags_total{machine="pump1",sensor="pump",quality="good"} 99`, `sensor_read_errors_total{bus="plc",sensor="pump",reason="timeout"} 1`,
		"# HELP sensor_quality Quality of the newest value", `http_requests_total{status="200"} 1`, `bus_overruns_total{bus="plc"} 2`,
		`modbus_requests_total{bus="plc"} 11`, `modbus_resync_total{bus="plc"} 3`, `modbus_listen_understood_ratio{bus="line"} 0.75`, `modbus_listen_passed_total{bus="line",reason="noise"} 2`, `modbus_errors_total{bus="plc",reason="timeout"} 5`, "application_startup_duration_seconds 0.08", "process_cpu_seconds_total",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no line %s", want)
		}
	}
	if strings.Contains(text, `model_drift_sensor_score{machine="pump1",channel="pump.speed"}`) {
		t.Error("the drift of a channel that cannot be judged is told")
	}
	if strings.Contains(text, "f00d") {
		t.Error("the model before is still named")
	}
}

func TestObservingAllocatesNothing(t *testing.T) {
	m := NewMetrics()
	if n := testing.AllocsPerRun(100, func() { m.Inference(1e-4); m.Score(0.5) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestNoPage: an endpoint without the page serves health and metrics alone.
func TestNoPage(t *testing.T) {
	s := NewServer(ServerOptions{Listen: "127.0.0.1:0", NoPage: true, Collect: good, Metrics: NewMetrics(), Log: slog.New(slog.DiscardHandler)})
	run(t, s)
	base := "http://" + address(t, s)
	for path, want := range map[string]int{"/": 404, "/api/v1/state": 404, "/app.js": 404, "/health": 200, "/health/live": 200, "/health/ready": 200, "/metrics": 200} {
		if code, _ := get(t, base+path); code != want {
			t.Errorf("%s: %d, want %d", path, code, want)
		}
	}
}

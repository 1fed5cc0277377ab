package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/detect"
	"iot-edge-anomaly/agent/devices"
	"iot-edge-anomaly/agent/report"
	"iot-edge-anomaly/agent/sampler"
	"iot-edge-anomaly/agent/settings"
	"iot-edge-anomaly/agent/state"
	"iot-edge-anomaly/model/train"
)

// configured is a configuration of two machines that read a recording: one has a
// model, the other has none and may not learn.
func configured(t *testing.T) *config.Config {
	t.Helper()
	dir := t.TempDir()
	var text strings.Builder
	var rows []float64
	text.WriteString("timestamp,speed,current\n")
	for i := range 300 {
		speed := 40 + 3*math.Sin(float64(i)/3)
		row := []float64{speed, 0.2*speed + 0.01*math.Sin(float64(i*i))}
		fmt.Fprintf(&text, "%d,%g,%g\n", i, row[0], row[1])
		rows = append(rows, row...)
	}
	if err := os.WriteFile(filepath.Join(dir, "rows.csv"), []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	c := parsed(t, fmt.Sprintf(`gateway: {site: s, id: gw7}
state: %[1]s
sensors: [{name: pump, driver: replay, file: %[1]s/rows.csv, loop: true}]
machines:
  - {name: pump1, channels: ["pump.*"], period: 20ms, model: {path: %[1]s/model.safetensors}}
  - {name: rest, channels: ["pump.speed"], period: 20ms, model: {path: %[1]s/rest, learn: {when: never}}}
spool: {dir: %[1]s/spool}
`, dir))
	m, _, err := train.Train(t.Context(), settings.Schema(c.Machines[0]), rows, train.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := state.SaveModel(c.Machines[0].Model.Path, m); err != nil {
		t.Fatal(err)
	}
	return c
}

func parsed(t *testing.T, text string) *config.Config {
	t.Helper()
	c, problems := config.Parse("config.yaml", []byte(text), devices.Infos())
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	return c
}

// opened is a Gateway of the configuration that logs to w.
func opened(t *testing.T, c *config.Config, w *strings.Builder) *Gateway {
	t.Helper()
	g, err := New(Options{Config: c, Log: slog.New(slog.NewTextHandler(w, nil))})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// runOnce runs the gateway to an immediate end, which closes what it has open.
func runOnce(t *testing.T, g *Gateway) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := g.Run(ctx); err != nil {
		t.Error(err)
	}
}

// TestStatesAtTheStart: a machine with a model watches at once; one that has none and
// may not learn is blind.
func TestStatesAtTheStart(t *testing.T) {
	g := opened(t, configured(t), &strings.Builder{})
	defer runOnce(t, g)
	for i, want := range []string{"normal", "blind"} {
		if m := g.Snapshot().Machines[i]; string(m.State) != want {
			t.Errorf("machine %s is %s, want %s", m.Name, m.State, want)
		}
	}
}

// TestStateIsLocked: two agents never use one state folder, whatever queue each has,
// and the folder is free again when the first one has ended.
func TestStateIsLocked(t *testing.T) {
	c := configured(t)
	g := opened(t, c, &strings.Builder{})
	other := *c
	other.Spool.Dir = t.TempDir()
	if _, err := New(Options{Config: &other, Log: slog.New(slog.DiscardHandler)}); err == nil || !strings.Contains(err.Error(), "in use by another") {
		t.Errorf("a second agent with the same state folder: %v, want a refusal", err)
	}
	runOnce(t, g)
	runOnce(t, opened(t, &other, &strings.Builder{}))
}

// TestWatchAlerts: what the table of alerts finds on the gateway is told as an event of
// kind alert, and ends as one; each sort is counted from 0.
func TestWatchAlerts(t *testing.T) {
	g := opened(t, configured(t), &strings.Builder{})
	defer runOnce(t, g)
	now := time.Now()
	open := func() (out []detect.Event) {
		for _, ev := range g.reporter.OpenEvents() {
			if ev.Key == "HighMemoryUsage" {
				out = append(out, ev)
			}
		}
		return out
	}
	look := func(looks int) {
		for range looks {
			now = now.Add(hostEvery)
			g.watchAlerts(now)
		}
	}
	limit := g.guards.system.Load()
	g.guards.system.Store(1 << 20) // less than any Go program has
	look(5)
	if got := open(); len(got) != 0 {
		t.Errorf("too early: %+v", got)
	}
	look(15)
	got := open()
	if len(got) != 1 || got[0].Kind != detect.Alert || got[0].Severity != detect.Critical || !strings.Contains(got[0].Reason, "memory limit") {
		t.Fatalf("%+v, want one alert", got)
	}
	for _, ev := range g.reporter.OpenEvents() {
		if !g.resume(g.plant, ev) {
			t.Errorf("a restart or a reload would end %+v", ev)
		}
	}
	g.guards.system.Store(limit)
	look(20)
	if got := open(); len(got) != 0 {
		t.Errorf("still open: %+v", got)
	}
	counted := 0
	s := g.Snapshot()
	for _, c := range s.Opened {
		if c.Alert == "HighMemoryUsage" {
			counted += int(c.N)
		}
	}
	if counted != 1 || !slices.ContainsFunc(s.Alerts, func(c report.Count) bool { return c.Alert == "HighMemoryUsage" }) {
		t.Errorf("counted %d of %+v", counted, s.Alerts)
	}
}

// TestReload: a reload says once that a model is in force. What is only built to try
// the configuration says nothing.
func TestReload(t *testing.T) {
	c := configured(t)
	var told strings.Builder
	g := opened(t, c, &told)
	told.Reset()
	g.plant.start(t.Context(), g.fault)
	next := *c
	next.Log.Level = "warn"
	next.Machines = slices.Clone(c.Machines)
	next.Machines[0].Detect.Hold++
	if changed, err := g.change(&next); err != nil || fmt.Sprint(changed) != "[machine pump1 changed log]" {
		t.Fatal(changed, err)
	}
	g.currentPlant().stop()
	if n := strings.Count(told.String(), "msg=watching"); n != 1 {
		t.Errorf("a reload tells %d times that a model is in force, want once:\n%s", n, &told)
	}
	if level := logLevel.Level(); level != slog.LevelWarn {
		t.Errorf("the level of the log is %v, want that of the new configuration", level)
	}
	g.lock.Close()
	if err := g.queue.Close(); err != nil {
		t.Error(err)
	}
}

// TestFault_removed: a fault that was on its way while a reload removed its sensor is
// not opened: nothing would close it.
func TestFault_removed(t *testing.T) {
	g := opened(t, configured(t), &strings.Builder{})
	now := time.Now()
	for _, f := range []sampler.Fault{{Bus: "pump", Sensor: "gone"}, {Bus: "gone"}, {Bus: "pump", Sensor: "pump"}, {Bus: "pump"}} {
		f.Open, f.Time, f.Since, f.Reason = true, now, now, "no answer"
		g.fault(f)
	}
	var open []string
	for _, ev := range g.reporter.OpenEvents() {
		if ev.Kind == detect.SensorFault || ev.Kind == detect.BusFault {
			open = append(open, string(ev.Kind)+" "+ev.Key)
		}
	}
	if want := []string{"sensor_fault pump", "bus_fault pump"}; !slices.Equal(open, want) {
		t.Errorf("open are %v, want %v", open, want)
	}
	runOnce(t, g)
}

// TestClientID: gateways have ids of their own, however long the name of their site is.
func TestClientID(t *testing.T) {
	site := strings.Repeat("s", 64)
	const usual = "{site}-{device}"
	for want, d := range map[string]struct {
		report.Device
		template string
	}{
		"gw7": {report.Device{Site: "plant-3", Device: "gw7"}, "{device}"}, "plant-3-gw7": {report.Device{Site: "plant-3", Device: "gw7"}, usual},
		site[:60] + "-gw7": {report.Device{Site: site[:60], Device: "gw7"}, usual},
	} {
		if got := clientID(d.Device, d.template); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	a, b := clientID(report.Device{Site: site, Device: "gw7"}, usual), clientID(report.Device{Site: site, Device: "gw8"}, usual)
	if a == b || len(a) != clientIDMost || len(b) != clientIDMost {
		t.Errorf("%s and %s, want two ids of %d bytes", a, b, clientIDMost)
	}
}

// TestReload_clash: the alert about another client with our id is not the plant's: a
// reload leaves it open as long as the trouble lasts.
func TestReload_clash(t *testing.T) {
	c := configured(t)
	g := opened(t, c, &strings.Builder{})
	g.plant.start(t.Context(), g.fault)
	g.alert(clashKey, "another client", detect.High, time.Now())
	next := *c
	next.Machines = slices.Clone(c.Machines)
	next.Machines[0].Detect.Hold++
	if _, err := g.change(&next); err != nil {
		t.Fatal(err)
	}
	alerts := func() (n int) {
		for _, ev := range g.reporter.OpenEvents() {
			if ev.Key == clashKey {
				n++
			}
		}
		return n
	}
	if alerts() != 1 {
		t.Error("a reload closed the alert though the trouble lasts")
	}
	if g.tellBroker(time.Now()); alerts() != 0 { // there is no broker any more
		t.Error("the alert outlives the connection")
	}
	g.currentPlant().stop()
	g.lock.Close()
	if err := g.queue.Close(); err != nil {
		t.Error(err)
	}
}

// TestReload_refused: what does not fit leaves the plant in force, and only a restart
// changes the services.
func TestReload_refused(t *testing.T) {
	c := configured(t)
	g := opened(t, c, &strings.Builder{})
	before := g.plant
	services := *c
	services.Gateway.ID, services.Spool.Dir = "gw8", t.TempDir()
	for want, next := range map[string]*config.Config{"gateway, spool.dir change with a restart only": &services} {
		_, err := g.change(next)
		if err == nil || !strings.Contains(err.Error(), want) || errors.Is(err, ErrRestart) {
			t.Errorf("%v, want a refusal with %q", err, want)
		}
		if g.currentPlant() != before {
			t.Error("the plant was replaced")
		}
	}
	g.opts.Reload = func() (*config.Config, error) { return &services, nil }
	if v := g.reload(); v.err == nil || errors.Is(v.err, ErrRestart) || g.Snapshot().ReloadOK {
		t.Errorf("a refused reload: %v, ReloadOK %v; want the agent to go on and to say so", v.err, g.Snapshot().ReloadOK)
	}
	runOnce(t, g)
}

// TestNew_refusal: an error that another configuration or model cures is marked.
func TestNew_refusal(t *testing.T) {
	c := configured(t)
	c.MQTT.Broker = "nonsense://"
	_, err := New(Options{Config: c, Log: slog.New(slog.DiscardHandler)})
	var refused *config.Refusal
	if !errors.As(err, &refused) {
		t.Errorf("%v (%T), want a config.Refusal", err, err)
	}
}

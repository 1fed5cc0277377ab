package gateway

import (
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/homeassistant"
	"iot-edge-anomaly/agent/mqtt"
	"iot-edge-anomaly/agent/report"
	"iot-edge-anomaly/agent/sampler"
)

// shelf is a broker that remembers what it was given.
type shelf struct {
	topics map[string]string
	sets   int
	stats  mqtt.Stats
}

func (s *shelf) SetRetained(topic string, payload []byte) {
	s.topics[topic] = string(payload)
	s.sets++
}

func (s *shelf) Stats() mqtt.Stats { return s.stats }

func newShelf() *shelf { return &shelf{topics: map[string]string{}} }

func pumpDevices(channels ...string) []homeassistant.Device {
	m := homeassistant.Machine{Name: "pump1", States: []string{"normal"}}
	for _, c := range channels {
		m.Channels = append(m.Channels, homeassistant.Channel{Name: c})
	}
	return homeassistant.Devices(homeassistant.Gateway{Site: "s", Device: "gw7", Topics: &report.Device{Topic: "p/gw7"}}, []homeassistant.Machine{m})
}

// TestAnnouncements: an entity that is gone is removed by its platform alone, over
// restarts, until the broker has had that for a while.
func TestAnnouncements(t *testing.T) {
	dir, log := t.TempDir(), slog.New(slog.DiscardHandler)
	b := newShelf()
	a := loadAnnouncements(dir, log)
	a.use(b, pumpDevices("pump.speed", "pump.flow"))
	topic := pumpDevices()[1].Topic
	const gone = `"pump_-flow":{"p":"sensor"}`
	if text := b.topics[topic]; !strings.Contains(text, `"pump_-flow":{`) || strings.Contains(text, gone) || len(b.topics) != 2 {
		t.Fatalf("%s, %d topics", text, len(b.topics))
	}
	if !a.fresh() || a.fresh() {
		t.Error("news are told more than once, or never")
	}
	sets := b.sets
	if a.use(b, pumpDevices("pump.speed", "pump.flow")); b.sets != sets || a.fresh() {
		t.Error("what has not changed is published again")
	}
	if a.again(); b.sets != sets+2 {
		t.Error("Home Assistant's birth publishes nothing")
	}

	// The channel is removed while the agent is stopped, and the agent stops again.
	for range 2 {
		a, b = loadAnnouncements(dir, log), newShelf()
		a.use(b, pumpDevices("pump.speed"))
		if !strings.Contains(b.topics[topic], gone) || !strings.Contains(b.topics[topic], `"pump_-speed":{"p":"sensor",`) {
			t.Fatalf("not removed: %s", b.topics[topic])
		}
	}
	now := time.Now()
	for _, step := range []struct {
		after     time.Duration
		connected bool
		since     time.Duration // of the connection, before that
		settled   bool
	}{{removalTime + 1, false, time.Hour, false}, {removalTime - time.Second, true, time.Hour, false}, {removalTime + 1, true, removalTime / 2, false}, {removalTime + time.Second, true, removalTime, true}} {
		at := now.Add(step.after)
		b.stats = mqtt.Stats{Connected: step.connected, Since: at.Add(-step.since)}
		if a.settle(at); strings.Contains(b.topics[topic], "pump_-flow") == step.settled {
			t.Errorf("%+v: %s", step, b.topics[topic])
		}
	}
	a, b = loadAnnouncements(dir, log), newShelf()
	if a.use(b, pumpDevices("pump.speed")); strings.Contains(b.topics[topic], "pump_-flow") {
		t.Error("after a restart it is removed again")
	}

	// It comes back before its removal has settled.
	a.use(b, pumpDevices())
	a.use(b, pumpDevices("pump.speed"))
	if !a.removal.IsZero() || strings.Contains(b.topics[topic], `"pump_-speed":{"p":"sensor"}`) {
		t.Errorf("what came back is removed: %s", b.topics[topic])
	}
	if a.use(b, nil); len(a.known) != 0 {
		t.Error("what is not wanted is remembered")
	}
	for _, damaged := range []string{"{", `["x"]`, "null", `{"t": null}`} {
		if err := os.WriteFile(filepath.Join(dir, "homeassistant.json"), []byte(damaged), 0o600); err != nil {
			t.Fatal(err)
		}
		a, b = loadAnnouncements(dir, log), newShelf()
		if a.use(b, pumpDevices("pump.speed")); len(b.topics) != 2 {
			t.Errorf("with %s: %d topics", damaged, len(b.topics))
		}
	}
}

func TestPageURL(t *testing.T) {
	for h, want := range map[config.HTTP]string{
		{}:                                      "",
		{Listen: "127.0.0.1:8080"}:              "",
		{Listen: "[::1]:8080"}:                  "",
		{Listen: "localhost:8080"}:              "",
		{Listen: ":8080"}:                       "",
		{Listen: "0.0.0.0:8080"}:                "",
		{Listen: "10.1.2.3:8080"}:               "http://10.1.2.3:8080/",
		{Listen: "gw7.plant:8080"}:              "http://gw7.plant:8080/",
		{Listen: "10.1.2.3:8080", TLSCert: "c"}: "https://10.1.2.3:8080/",
	} {
		if got := pageURL(h); got != want {
			t.Errorf("%+v: %q, want %q", h, got, want)
		}
	}
}

// TestTotals: counts are found by sensor and cell, in the order of the channels.
func TestTotals(t *testing.T) {
	count := &config.Counter{Unit: "kWh"}
	c := &config.Config{Sensors: []config.Sensor{{Name: "pump"}, {Name: "meter"}}}
	m := &config.Machine{Resolved: []config.ChannelRef{{Sensor: 1, Cell: 2, Channel: "meter.energy", Counter: count}, {Sensor: 0, Cell: 0, Channel: "pump.speed"}, {Sensor: 0, Cell: 1, Channel: "pump.hours", Counter: count}}}
	readings := []sampler.Reading{{Sensor: "pump", Counts: []float64{math.NaN(), 7}}, {Sensor: "meter", Counts: []float64{1, 2, 3}}}
	want := []report.Total{{Channel: "meter.energy", Value: 3}, {Channel: "pump.hours", Value: 7}}
	if got := totals(c, m, readings); !slices.Equal(got, want) || !hasCounters(m) {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// TestRetained_telemetry: retained telemetry is emptied with its machine, and when it
// is retained no more.
func TestRetained_telemetry(t *testing.T) {
	c := configured(t)
	c.MQTT.ClientID, c.MQTT.Broker = "{device}", "tcp://127.0.0.1:1"
	c.MQTT.Topic = "p/{device}"
	c.MQTT.Telemetry = config.Telemetry{On: true, Interval: time.Second, Batch: 1, Retain: true}
	g := opened(t, c, &strings.Builder{})
	defer runOnce(t, g)
	topics := func() string { return strings.Join(g.retained.current, " ") }
	if got := topics(); !strings.Contains(got, "p/gw7/telemetry/pump1") || strings.Contains(got, "homeassistant/") {
		t.Errorf("retained: %s", got)
	}
	next := *c
	next.MQTT.Telemetry.Retain, next.MQTT.HomeAssistant = false, true
	g.clearRetained(&next)
	if got := topics(); strings.Contains(got, "telemetry") || strings.Count(got, "homeassistant/device/") != 3 {
		t.Errorf("retained: %s", got)
	}
}

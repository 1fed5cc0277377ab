package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"iot-edge-anomaly/drivers/driverstest"
)

// TestSubscribed takes values from topics of a real broker through every verb: check,
// read, record and run, where a channel that is derived from them crosses its limit.
func TestSubscribed(t *testing.T) {
	t.Parallel()
	prog := program(t, "", "")
	b := startBroker(t)
	publish := func(topic, payload string) {
		t.Helper()
		args := b.client("mosquitto_pub", "-r", "-t", topic, "-m", payload)
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("mosquitto_pub: %v\n%s", err, out)
		}
	}
	publish("zigbee2mqtt/hall", `{"battery": 97, "temperature": 21.4, "state": "ON"}`)
	publish("mbus/4711", `{"data": [{"name": "supply", "value": "61.25"}]}`)
	dir := t.TempDir()
	cfg := write(t, "c.yaml", fmt.Sprintf(`gateway: {site: plant-3, id: gw7}
state: %[1]s
sensors:
  - name: hall
    driver: mqtt
    broker: %[2]q
    channels:
      temperature: {topic: zigbee2mqtt/hall, path: $.temperature, unit: °C}
      heating:     {topic: zigbee2mqtt/hall, path: $.state}
  - {name: heat, driver: mqtt, broker: %[2]q, channels: {supply: {topic: mbus/4711, path: "$.data[0].value", unit: °C, max_age: 1h}}}
  - {name: calc, driver: derived, channels: {rise: {expr: "heat.supply - hall.temperature", unit: K, limits: {alarm: 50}}}}
machines: [{name: m, period: 100ms, channels: ["*.*"], model: {learn: {when: never}}}]
mqtt: {broker: %[2]q, topic: "plant/gw7"}
http: {listen: %[3]q}
`, dir, b.url(), driverstest.FreeAddr(t)))

	if code, out, errs := call(t, "", "check", cfg); code == 78 {
		t.Errorf("check: code %d, %s%s", code, out, errs)
	}
	code, out, errs := call(t, "", "read", "--config", cfg)
	if code != 0 {
		t.Errorf("read: code %d, %s", code, errs)
	}
	for _, want := range [][]string{{"hall.temperature", "21.4", "°C", "good"}, {"hall.heating", "1", "good"}, {"heat.supply", "61.25", "°C", "good"}, {"calc.rise", "39.85", "K", "good"}} {
		if !hasLine(out, want) {
			t.Errorf("read: no line with %v in\n%s", want, out)
		}
	}
	rows := filepath.Join(dir, "rows.csv")
	if code, _, errs := call(t, "", "record", "--config", cfg, "--out", rows, "--for", "3s"); code != 0 {
		t.Errorf("record: code %d, %s", code, errs)
	}
	csv, err := os.ReadFile(rows)
	if text := string(csv); err != nil || !strings.HasPrefix(text, "timestamp,hall.temperature,hall.heating,heat.supply,calc.rise\n") || !strings.Contains(text, ",21.4,1,61.25,39.85\n") {
		t.Errorf("record wrote %s, %v", text, err)
	}

	sub := subscribe(t, b, "plant/#")
	agent := start(t, nil, append(prog, "run", "--config", cfg)...)
	waitFor(t, 20*time.Second, "online", func() bool {
		_, is := sub.find(func(m message) bool { return m.payload == "online" })
		return is
	})
	publish("mbus/4711", `{"data": [{"name": "supply", "value": "80"}]}`)
	var event message
	waitFor(t, 20*time.Second, "a limit event of the derived channel", func() bool {
		var is bool
		event, is = sub.find(func(m message) bool { return m.topic == "plant/gw7/event" && m.str("kind") == "limit" })
		return is
	})
	if !strings.Contains(event.payload, `"calc.rise"`) || !strings.Contains(event.payload, "58.6") {
		t.Errorf("%s, want calc.rise at 58.6", event.payload)
	}
	agent.kill(syscall.SIGTERM)
	if agent.err != nil {
		t.Errorf("ended with %v after SIGTERM, want 0", agent.err)
	}
	for _, m := range sub.messages() {
		if !strings.HasPrefix(m.topic, "plant/gw7/") {
			t.Errorf("published on %s", m.topic)
		}
	}
}

// TestReadWaits: a channel whose first message has not come waits, and is not wrong; nor
// is what is derived from it.
func TestReadWaits(t *testing.T) {
	t.Parallel()
	b := startBroker(t)
	cfg := write(t, "c.yaml", fmt.Sprintf(`sensors:
  - {name: silent, driver: mqtt, broker: %q, channels: {a: {topic: nobody, max_age: 1h}}}
  - {name: calc, driver: derived, channels: {twice: {expr: "2 * silent.a"}}}
  - {name: more, driver: derived, channels: {four: {expr: "2 * calc.twice"}}}
`, b.url()))
	code, out, errs := call(t, "", "read", "--config", cfg)
	if code != 0 || !hasLine(out, []string{"silent.a", "missing", "no message on nobody"}) {
		t.Errorf("code %d, %s%s", code, out, errs)
	}
	for _, sensor := range []string{"silent", "calc", "more"} {
		if !strings.Contains(errs, sensor+": waiting for values") {
			t.Errorf("no word of %s: %s", sensor, errs)
		}
	}
}

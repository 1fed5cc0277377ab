package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"iot-edge-anomaly/drivers/driverstest"
)

// bridgePage is a block of docs/bridge.md.
func bridgePage(t *testing.T, name string, pairs ...string) string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("..", "docs", "bridge.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(page), "```"+name+"\n")
	block, _, end := strings.Cut(rest, "```")
	if !ok || !end {
		t.Fatalf("docs/bridge.md has no block %s", name)
	}
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(block, pairs[i]) {
			t.Fatalf("block %s has no %q", name, pairs[i])
		}
	}
	return strings.NewReplacer(pairs...).Replace(block)
}

// TestRecipes_ofProgram: the configurations that docs/bridge.md proposes, on a mosquitto
// with the rules of AWS IoT Core, and for a tree of machines.
func TestRecipes_ofProgram(t *testing.T) {
	t.Parallel()
	b, secure, listen := startBroker(t), driverstest.FreeAddr(t), driverstest.FreeAddr(t)
	dir := filepath.Dir(b.conf)
	file := func(name string) string { return filepath.Join(dir, name) }
	var authorities []byte
	for _, name := range []string{"broker", "gw7", "gw8"} {
		selfSigned(t, file(name+".crt"), file(name+".key"), name)
		os.Chmod(file(name+".key"), 0o600)
		c, err := os.ReadFile(file(name + ".crt"))
		if err != nil {
			t.Fatal(err)
		}
		authorities = append(authorities, c...)
	}
	host, port, _ := net.SplitHostPort(secure)
	conf, err := os.ReadFile(b.conf)
	if err != nil {
		t.Fatal(err)
	}
	conf = fmt.Appendf(nil, "per_listener_settings true\n%s%s", conf, bridgePage(t, "conf aws", "listener 8883", "listener "+port+" "+host, "/etc/mosquitto/", dir+"/"))
	for name, text := range map[string][]byte{"ca.crt": authorities, "acl-aws": []byte(bridgePage(t, "conf acl-aws")), "mosquitto.conf": conf} {
		if err := os.WriteFile(file(name), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b.stop()
	b.start()
	sub := subscribe(t, b, "#")
	r := startReloadable(t, "", listen)
	r.edit("site: s,", "site: plant-3,")
	r.edit("{name: pump1,", "{name: pump1, detect: {hold: 1s},")
	r.agent.kill(15)
	r.agent = start(t, nil, append(r.prog, "run", "--config", r.path)...)
	waitFor(t, 20*time.Second, "the agent answers", func() bool { code, _ := r.verb("status"); return code != exitNotRunning })
	heard := func(what string, fits func(message) bool) {
		t.Helper()
		waitFor(t, 30*time.Second, what, func() bool { _, ok := sub.find(fits); return ok })
	}
	on := func(topic, payload string) func(message) bool {
		return func(m message) bool { return m.topic == topic && (payload == "" || m.payload == payload) }
	}
	limit := func(topic string) func(message) bool {
		return func(m message) bool {
			return m.topic == topic && m.str("kind") == "limit" && m.str("machine") == "pump1"
		}
	}
	mqttOf := func(block string) string {
		g, m, ok := strings.Cut(block, "mqtt:")
		if !ok || !strings.HasPrefix(g, "gateway: {site: plant-3, id: gw7}") {
			t.Fatalf("the block is\n%s", block)
		}
		return "mqtt:" + m
	}
	broker := "mqtts://" + secure
	const credentials = "/run/credentials/iot-edge-anomaly.service/cred_"
	aws := func(cert string) string {
		return mqttOf(bridgePage(t, "yaml aws", "mqtts://xxxxxxxx-ats.iot.eu-central-1.amazonaws.com:8883", broker,
			credentials+"ca.pem", file("broker.crt"), credentials+"gw7.pem", file(cert+".crt"), credentials+"gw7.key", file(cert+".key")))
	}
	before := "mqtt: {broker: \"\", topic: \"plant/{device}\"}\n"
	r.edit(before, aws("gw7"))
	r.reload(0, "mqtt")
	heard("the status of the thing", on("dt/pumps/gw7/status", "online"))
	heard("the state of a machine", on("dt/pumps/gw7/machine/pump1", ""))
	r.pump.SetHolding(0, 700, 8)
	heard("an event of it", limit("dt/pumps/gw7/event"))
	if log := b.p.output(); !strings.Contains(log, " as gw7 (") || !strings.Contains(log, "u'gw7'") {
		t.Errorf("the client id or the name in the certificate is not gw7:\n%s", log)
	}
	// Another thing that says it were gw7 writes nowhere below gw7, and gw7 hears of it.
	r.pump.SetHolding(0, 7, 8)
	waitFor(t, 30*time.Second, "its end", func() bool { return strings.Contains(r.agent.output(), "kind=limit state=close") })
	mark := len(sub.messages())
	r.edit(aws("gw7"), aws("gw8"))
	r.reload(0, "mqtt")
	waitFor(t, 30*time.Second, "its connection", func() bool { return strings.Contains(b.p.output(), "u'gw8'") })
	time.Sleep(2 * time.Second)
	for _, m := range sub.messages()[mark:] {
		if m.payload != "offline" && m.topic != "dt/pumps/gw7/event" && !strings.HasPrefix(m.topic, "dt/pumps/gw7/machine/") {
			t.Errorf("with another certificate: %s %s", m.topic, m.payload)
		}
	}
	r.edit(aws("gw8"), mqttOf(bridgePage(t, "yaml umh", "mqtts://broker.plant:8883", b.url())))
	r.reload(0, "mqtt")
	const tree = "umh/v1/acme/plant-3/packaging/line-4/"
	heard("the status of the gateway", on(tree+"gw7/_anomaly/status", "online"))
	heard("the state of a machine", on(tree+"pump1/_anomaly/machine", ""))
	heard("its values", on(tree+"pump1/_anomaly/telemetry", ""))
	r.pump.SetHolding(0, 700, 8)
	heard("its event", limit(tree+"pump1/_anomaly/event"))
}

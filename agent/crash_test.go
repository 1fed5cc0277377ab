package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"iot-edge-anomaly/drivers/driverstest"
)

// toggling writes a recording whose one channel crosses its limit every few
// rows: an event every fraction of a second without any learning. The last
// quiet rows are served over and over at the end.
func toggling(t *testing.T, rows int) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("timestamp,level\n")
	for i := range rows {
		v := 1.0
		if i >= 20 && i%20 >= 10 && i < rows-20 {
			v = 10
		}
		fmt.Fprintf(&b, "%d,%g\n", i, v)
	}
	path := filepath.Join(t.TempDir(), "toggle.csv")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func toggleConfig(t *testing.T, rows, brokerURL, listen string, period time.Duration) string {
	t.Helper()
	dir := t.TempDir()
	text := fmt.Sprintf(`gateway: {site: s, id: gw7}
state: %[1]s
control: {socket: ""}
buses:
  plc: {modbus: "tcp://%[2]s", timeout: 500ms}
sensors:
  - name: tank
    driver: modbus
    bus: plc
    unit: 1
    registers:
      - {name: level, at: "holding:0", type: f32, unit: m, limits: {warn: 4, alarm: 8}}
machines:
  - name: tank1
    channels: ["tank.*"]
    period: %[3]v
    model: {path: %[1]s/models, learn: {for: 1h}}
    detect: {hold: %[4]v}
mqtt: {broker: %[5]q, topic: "plant/{device}"}
spool: {dir: %[1]s/spool}
http: {listen: %[6]q}
`, dir, rows, period, 3*period, brokerURL, listen)
	path := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// balance checks what a subscriber saw: seq without a gap, in order but for
// resent messages, and every event opened once and closed once.
func balance(t *testing.T, ms []message) (events, duplicates int) {
	t.Helper()
	seen := map[int]string{}
	state := map[string]string{}
	next := 1
	for _, m := range ms {
		seq := int(m.json["seq"].(float64))
		if before, ok := seen[seq]; ok {
			duplicates++
			if before != m.str("id") {
				t.Errorf("seq %d stands for %s and %s", seq, before, m.str("id"))
			}
			continue
		}
		seen[seq] = m.str("id")
		if seq != next {
			t.Errorf("seq %d where %d is next: a gap or out of order", seq, next)
		}
		next = seq + 1
		ev, st := m.str("event"), m.str("state")
		switch before := state[ev]; {
		case st == "open" && before == "", st != "open" && before == "open":
		default:
			t.Errorf("event %s: %s after %q", ev, st, before)
		}
		if st != "update" {
			state[ev] = st
		}
	}
	for ev, st := range state {
		if st != "close" {
			t.Errorf("event %s is left %s: an orphan", ev, st)
		}
	}
	return len(state), duplicates
}

func events(s *subscriber, topic string) (out []message) {
	for _, m := range s.messages() {
		if m.topic == topic && m.json != nil {
			out = append(out, m)
		}
	}
	return out
}

// settled waits until nothing more comes and every event is closed. What is open
// for ever, an orphan, is found by balance.
func settled(t *testing.T, s *subscriber, topic string, limit time.Duration) []message {
	t.Helper()
	n, since := -1, time.Now()
	for end := time.Now().Add(limit + busy); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		ms := events(s, topic)
		if len(ms) != n {
			n, since = len(ms), time.Now()
		}
		if n > 0 && time.Since(since) > 3*time.Second && openEvents(ms) == 0 {
			break
		}
	}
	return events(s, topic)
}

// openEvents counts the events whose newest message is no close.
func openEvents(ms []message) (n int) {
	last := map[string]string{}
	for _, m := range ms {
		last[m.str("event")] = m.str("state")
	}
	for _, state := range last {
		if state != "close" {
			n++
		}
	}
	return n
}

// TestKilledFiftyTimes kills the agent with SIGKILL while it produces events; a thousand
// times with EDGE_LONG.
func TestKilledFiftyTimes(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	t.Parallel()
	kills, period := 50, 10*time.Millisecond
	if os.Getenv("EDGE_LONG") != "" {
		kills = 1000
	}
	prog := program(t, "", "")
	b := startBroker(t)
	sub := subscribe(t, b, "plant/#")
	csv := toggling(t, 60*kills)
	cfg := toggleConfig(t, startRows(t, csv, 10), b.url(), driverstest.FreeAddr(t), period)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	for range kills {
		agent := start(t, nil, append(prog, "run", "--config", cfg)...)
		time.Sleep(time.Duration(150+rnd.IntN(450)) * time.Millisecond)
		agent.kill(syscall.SIGKILL)
	}
	agent := start(t, nil, append(prog, "run", "--config", cfg)...)
	ms := settled(t, sub, "plant/gw7/event", 90*time.Second)
	agent.kill(syscall.SIGTERM)
	n, dup := balance(t, ms)
	t.Logf("%d kills: %d messages, %d events, %d duplicates", kills, len(ms), n, dup)
	seen := map[string]bool{}
	for _, m := range ms {
		if id := m.str("id"); seen[id] && m.json["resent"] != true {
			t.Errorf("message %s came twice and is not marked", id)
		} else {
			seen[id] = true
		}
	}
	if kills >= 1000 && dup*100 > len(ms) {
		t.Errorf("%d duplicates in %d messages: more than one in a hundred", dup, len(ms))
	}
	if n < 50 {
		t.Errorf("only %d events: the test proves little", n)
	}
}

// TestBrokerAwayForAMinute stops the broker for 60 s while events are produced.
func TestBrokerAwayForAMinute(t *testing.T) {
	if testing.Short() {
		t.Skip("takes more than a minute")
	}
	t.Parallel()
	prog := program(t, "", "")
	b := startBroker(t)
	listen := driverstest.FreeAddr(t)
	csv := toggling(t, 1400)
	cfg := toggleConfig(t, startRows(t, csv, 10), b.url(), listen, 50*time.Millisecond)
	sub := subscribe(t, b, "plant/#") // reconnects by itself, to a session that is kept
	agent := start(t, nil, append(prog, "run", "--config", cfg)...)
	waitFor(t, 20*time.Second, "a first event", func() bool { return len(events(sub, "plant/gw7/event")) > 2 })
	b.stop()
	health := "http://" + listen + "/health"
	waitFor(t, 20*time.Second, "/health says degraded", func() bool { return getJSON(health)["status"] == "degraded" })
	time.Sleep(60 * time.Second)
	before := len(events(sub, "plant/gw7/event"))
	b.start()
	waitFor(t, 60*time.Second, "what was held back", func() bool { return len(events(sub, "plant/gw7/event")) > before+20 })
	all := settled(t, sub, "plant/gw7/event", 120*time.Second)
	agent.kill(syscall.SIGTERM)
	n, dup := balance(t, all)
	t.Logf("%d messages before, %d after the broker came back, %d events, %d duplicates", before, len(all)-before, n, dup)
}

// TestStartsWithoutBusAndBroker: neither is there, the agent is ready all the
// same, and works once they come.
func TestStartsWithoutBusAndBroker(t *testing.T) {
	t.Parallel()
	prog := program(t, "", "")
	b := startBroker(t)
	// An event is not retained: whoever subscribes only once the broker is back
	// may come after it. So the session exists before.
	sub := subscribe(t, b, "plant/#")
	b.stop()
	listen, bus := driverstest.FreeAddr(t), driverstest.FreeAddr(t)
	cfg := toggleConfig(t, bus, b.url(), listen, 50*time.Millisecond)
	agent := start(t, nil, append(prog, "run", "--config", cfg)...)
	base := "http://" + listen
	waitFor(t, 10*time.Second, "ready", func() bool { return getJSON(base + "/health/ready")["status"] == "healthy" })
	waitFor(t, 10*time.Second, "degraded", func() bool { return getJSON(base + "/health")["status"] == "degraded" })
	b.start()
	waitFor(t, 20*time.Second, "the bus fault on MQTT", func() bool {
		_, ok := sub.find(func(m message) bool { return m.str("kind") == "bus_fault" && m.str("state") == "open" })
		return ok
	})
	startRowsAt(t, toggling(t, 4000), 10, bus)
	waitFor(t, 60*time.Second, "the bus fault closes", func() bool {
		_, ok := sub.find(func(m message) bool { return m.str("kind") == "bus_fault" && m.str("state") == "close" })
		return ok
	})
	waitFor(t, 20*time.Second, "a limit event", func() bool {
		_, ok := sub.find(func(m message) bool { return m.str("kind") == "limit" && m.str("state") == "open" })
		return ok
	})
	agent.kill(syscall.SIGTERM)
	if agent.err != nil {
		t.Errorf("the agent ended with %v", agent.err)
	}
}

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"iot-edge-anomaly/drivers/driverstest"
)

// TestOnTheWire runs an agent through faults of every sort that a real
// broker and a real Modbus server can be brought to show, and holds everything
// that was published against what is promised: topics, retained or not, the schema
// files, ids, and six significant digits. Whoever read its log goes away at once.
func TestOnTheWire(t *testing.T) {
	t.Parallel()
	prog := program(t, "", "")
	b := startBroker(t)
	listen := driverstest.FreeAddr(t)
	cfg := wireConfig(t, startRows(t, toggling(t, 2000), 10), driverstest.FreeAddr(t), b.url(), listen)
	sub := subscribe(t, b, "plant/#")
	agent := startUnread(t, append(prog, "run", "--config", cfg)...)
	want := []string{"limit open", "limit close", "bus_fault open", "sensor_fault open", "process_anomaly open", "process_anomaly close"}
	waitFor(t, 60*time.Second, strings.Join(want, ", "), func() bool {
		seen := map[string]bool{}
		for _, m := range events(sub, "plant/gw7/event") {
			seen[m.str("kind")+" "+m.str("state")] = true
		}
		for _, w := range want {
			if !seen[w] {
				return false
			}
		}
		return true
	})
	waitFor(t, 5*time.Second, "/health says degraded, with checks", func() bool {
		h := getJSON("http://" + listen + "/health")
		return h["status"] == "degraded" && h["checks"] != nil
	})
	args := b.client("mosquitto_sub", "-t", "plant/#", "-F", "%r %t", "-W", "2", "--retained-only")
	var heard []byte
	waitFor(t, 5*time.Second, "status and four machines for whoever comes late", func() bool {
		heard, _ = exec.Command(args[0], args[1:]...).Output() // ends by its own time limit
		return bytes.Count(heard, []byte("\n")) >= 5
	})
	agent.kill(syscall.SIGTERM)
	if agent.err != nil {
		t.Errorf("ended with %v after SIGTERM, want 0", agent.err)
	}
	var retained []string
	for line := range strings.Lines(string(heard)) {
		retained = append(retained, strings.TrimSpace(line))
	}
	if got := strings.Join(retained, ", "); len(retained) != 5 || strings.Contains(got, "event") || !strings.Contains(got, "1 plant/gw7/status") || !strings.Contains(got, "1 plant/gw7/machine/away") {
		t.Errorf("whoever comes late hears %s; want status and four machines", got)
	}
	waitFor(t, 5*time.Second, "offline", func() bool {
		ms := sub.messages()
		return ms[len(ms)-1].payload == "offline"
	})
	wholeMessages(t, sub.messages())
	for _, topic := range []string{"telemetry/tank1", "telemetry/odd1", "telemetry/away", "telemetry/press1", "health"} {
		if _, heard := sub.find(func(m message) bool { return m.topic == "plant/gw7/"+topic }); !heard {
			t.Errorf("nothing on %s", topic)
		}
	}
	if _, heard := sub.find(func(m message) bool { return m.topic == "plant/gw7/telemetry/press1" && m.json["earlier"] != nil }); !heard {
		t.Error("no batch of rows")
	}
}

// wireConfig is a machine each for limits, for a model, for a register that the
// device has not, and for a bus that nobody answers on.
func wireConfig(t *testing.T, rowsAt, deadAt, brokerURL, listen string) string {
	t.Helper()
	rows := write(t, "rows.csv", strings.Replace(wave(700, 450), "timestamp,load,speed,flow", "timestamp,press.load,press.speed,press.flow", 1))
	dir := t.TempDir()
	path := filepath.Join(dir, "config.yaml")
	model := filepath.Join(dir, "press.safetensors")
	text := fmt.Sprintf(`gateway: {site: s, id: gw7}
state: %[1]s
buses:
  plc: {modbus: "tcp://%[2]s", timeout: 500ms}
  dead: {modbus: "tcp://%[3]s", timeout: 100ms}
sensors:
  - {name: tank, driver: modbus, bus: plc, unit: 1, registers: [{name: level, at: "holding:0", type: f32, unit: m, limits: {warn: 4, alarm: 8}}]}
  - {name: odd, driver: modbus, bus: plc, unit: 2, registers: [{name: x, at: "holding:5000", type: u16}]}
  - {name: far, driver: modbus, bus: dead, unit: 1, registers: [{name: x, at: "holding:0", type: u16}]}
  - {name: press, driver: replay, file: %[4]s}
machines:
  - {name: tank1, channels: ["tank.*"], period: 50ms, detect: {hold: 150ms}, model: {learn: {for: 1h}}}
  - {name: odd1, channels: ["odd.*"], period: 100ms}
  - {name: away, channels: ["far.*"], period: 100ms}
  - {name: press1, channels: ["press.*"], period: 10ms, detect: {hold: 200ms}, model: {path: %[5]s}}
mqtt: {broker: %[6]q, topic: "plant/{device}", telemetry: {interval: 1s, deadband: 0.5%%, batch: 2}}
http: {listen: %[7]q}
`, dir, rowsAt, deadAt, rows, model, brokerURL, listen)
	// After the fault the rows end; what follows is the machine as it was.
	all, err := os.ReadFile(rows)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(all), "\n")
	again := strings.Join(lines[:550], "") + strings.Join(lines[1:450], "")
	if err := os.WriteFile(rows, []byte(again), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out, errs := call(t, "", "train", "--csv", rows, "--rows", "440", "--config", path, "--machine", "press1", "--out", model); code != 0 {
		t.Fatalf("train ended with %d\n%s%s", code, out, errs)
	}
	return path
}

// startUnread starts a program whose output is closed after its first line.
func startUnread(t *testing.T, args ...string) *process {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, cmd: exec.Command(args[0], args[1:]...), done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = w, w
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	go func() { p.err = p.cmd.Wait(); close(p.done) }()
	t.Cleanup(func() { p.kill(syscall.SIGKILL) })
	if line, err := bufio.NewReader(r).ReadString('\n'); err != nil {
		t.Fatalf("no line of a log: %q, %v", line, err)
	}
	r.Close()
	return p
}

// wholeMessages holds messages against what every one of them must be.
func wholeMessages(t *testing.T, ms []message) {
	t.Helper()
	var lines bytes.Buffer
	enc := json.NewEncoder(&lines)
	for _, m := range ms {
		if m.topic == "plant/gw7/status" {
			if m.payload != "online" && m.payload != "offline" {
				t.Errorf("status %q", m.payload)
			}
			continue
		}
		if m.json == nil {
			t.Errorf("%s: %q is no JSON object", m.topic, m.payload)
			continue
		}
		if err := enc.Encode(map[string]any{"topic": m.topic, "payload": json.RawMessage(m.payload)}); err != nil {
			t.Errorf("%s: %v", m.topic, err)
		}
		dec := json.NewDecoder(strings.NewReader(m.payload))
		dec.UseNumber()
		for seconds := false; ; {
			tok, err := dec.Token()
			if err != nil {
				break
			}
			if name, ok := tok.(string); ok || seconds { // seconds have milliseconds
				seconds = strings.HasSuffix(name, "_s")
				continue
			}
			if n, ok := tok.(json.Number); ok && strings.ContainsAny(n.String(), ".eE") {
				v, err := n.Float64()
				if six, _ := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 6, 64), 64); err != nil || math.IsInf(v, 0) || six != v {
					t.Errorf("%s carries %s, which has more than six digits", m.topic, n)
				}
			}
		}
		if m.topic == "plant/gw7/event" {
			before, after := fmt.Sprintf("gw7-%.4s", m.str("boot")), fmt.Sprintf("-%v", m.json["seq"])
			if id := m.str("id"); len(id) != len(before)+4+len(after) || !strings.HasPrefix(id, before) || !strings.HasSuffix(id, after) {
				t.Errorf("id %q, want %q, four digits of the process, and %q", id, before, after)
			}
		}
	}
	cmd := exec.Command("/usr/bin/python3", "testdata/schema_check.py", "../docs/event.schema.json", "../docs/state.schema.json", "../docs/telemetry.schema.json", "../docs/health.schema.json")
	cmd.Stdin = &lines
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("schema: %v\n%s", err, out[:min(len(out), 2000)])
	}
}

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"iot-edge-anomaly/drivers/sim/modbussim"
)

// spMessage is a message of Sparkplug as an independent host decodes it.
type spMessage struct {
	Subscribed   bool
	Topic        string
	Kind, Device string
	Seq          *int
	Metrics      []struct {
		Name      string
		Value     any
		Timestamp int64
	}
	Faults []string
}

// value is that of a metric as a text; "" = it is not there.
func (m *spMessage) value(name string) string {
	for _, x := range m.Metrics {
		if x.Name == name {
			return fmt.Sprint(x.Value)
		}
	}
	return ""
}

// spHost is sparkplug/testdata/host.py: paho and Google's protobuf.
type spHost struct {
	t  *testing.T
	in io.Writer

	mu  sync.Mutex
	all []spMessage
}

// startHost starts one and waits until it is subscribed.
func startHost(t *testing.T, b *broker) *spHost {
	t.Helper()
	host, port, _ := net.SplitHostPort(b.addr)
	h := &spHost{t: t}
	cmd := exec.Command("/usr/bin/python3", "sparkplug/testdata/host.py", host, port)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	h.in = in
	read := make(chan struct{})
	go func() {
		defer close(read)
		for d := json.NewDecoder(out); ; {
			var m spMessage
			if d.Decode(&m) != nil {
				return
			}
			h.mu.Lock()
			h.all = append(h.all, m)
			h.mu.Unlock()
		}
	}()
	t.Cleanup(func() { cmd.Process.Kill(); <-read; cmd.Wait() })
	waitFor(t, 20*time.Second, "the host is subscribed (Debian packages python3-protobuf, python3-paho-mqtt)", func() bool {
		return h.count(0, func(m *spMessage) bool { return m.Subscribed }) > 0
	})
	return h
}

// say writes a command.
func (h *spHost) say(format string, args ...any) {
	h.t.Helper()
	if _, err := fmt.Fprintf(h.in, format+"\n", args...); err != nil {
		h.t.Fatal(err)
	}
}

// len is the number of messages so far.
func (h *spHost) len() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.all)
}

// count counts messages from one on that fit.
func (h *spHost) count(from int, fits func(*spMessage) bool) (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range h.all[from:] {
		if fits(&h.all[from+i]) {
			n++
		}
	}
	return n
}

// hears waits for a message from one on with a value of a metric; empty = any.
func (h *spHost) hears(from int, kind, device, metric, value string) {
	h.t.Helper()
	waitFor(h.t, 30*time.Second, fmt.Sprintf("%s %s %s=%s", kind, device, metric, value), func() bool {
		return h.count(from, func(m *spMessage) bool {
			return m.Kind == kind && m.Device == device && (metric == "" || m.value(metric) == value)
		}) > 0
	})
}

// check reports what breaks the specification.
func (h *spHost) check() {
	h.t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	for i, m := range h.all {
		if len(m.Faults) > 0 {
			h.t.Errorf("message %d of %d, %s: %q", i, len(h.all), m.Topic, m.Faults)
		}
	}
}

// TestSparkplug: a host that checks the rules of the specification hears births before
// data, numbers without gaps, a rebirth when it asks for one, DDEATH when a machine is removed,
// and NDEATH from the broker after kill -9 and from the agent after a stop.
func TestSparkplug(t *testing.T) {
	t.Parallel()
	prog := program(t, "", "")
	b := startBroker(t)
	bank := &modbussim.Bank{}
	bank.SetHolding(0, 42, 500)
	plc, err := modbussim.Listen("127.0.0.1:0", map[uint8]*modbussim.Bank{1: bank})
	if err != nil {
		t.Fatal(err)
	}
	defer plc.Close()
	cfg := filepath.Join(t.TempDir(), "config.yaml")
	text := fmt.Sprintf(`gateway: {site: s, id: gw7}
state: state
control: {socket: ""}
buses: {plc: {modbus: "tcp://%s", timeout: 10s}}
sensors:
  - name: pump
    driver: modbus
    bus: plc
    unit: 1
    registers:
      - {name: current, at: "holding:0", type: u16, scale: 0.1, unit: A, limits: {warn: 8, alarm: 10}}
  - {name: drive, driver: modbus, bus: plc, unit: 1, registers: [{name: speed, at: "holding:1", type: u16, unit: 1/min}]}
machines:
  - {name: pump1, channels: ["pump.*"], period: 200ms}
  - {name: drive, channels: ["drive.*"], period: 200ms}
mqtt: {broker: %q, topic: "plant/{device}", sparkplug: true, sparkplug_group: "Plant 3", telemetry: {interval: 1s}}
http: {listen: ""}
`, plc.Addr(), b.url())
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(cfg, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(text)
	run := func() *process { return start(t, nil, append(prog, "run", "--config", cfg)...) }

	h := startHost(t, b)
	agent := run()
	h.hears(0, "NBIRTH", "", "bdSeq", "0")
	h.hears(0, "DBIRTH", "pump1", "", "")
	h.hears(0, "DBIRTH", "drive", "", "")
	bank.SetHolding(1, 501)
	h.hears(0, "DDATA", "drive", "drive.speed", "501")
	bank.SetHolding(0, 123)
	h.hears(0, "DDATA", "pump1", "state", "limit")
	h.hears(0, "DDATA", "pump1", "pump.current", fmt.Sprint(123*0.1))
	h.hears(0, "NDATA", "", "open_events", "1")

	n := h.len()
	h.say("publish spBv1.0/Plant 3/NCMD/gw7 %x", "no payload") // is not taken
	h.say("rebirth Plant 3 gw7")
	h.hears(n, "NBIRTH", "", "bdSeq", "0")
	h.hears(n, "DBIRTH", "drive", "drive.speed", "501")

	write(strings.Replace(text, "  - {name: drive, channels: [\"drive.*\"], period: 200ms}\n", "", 1))
	agent.cmd.Process.Signal(syscall.SIGHUP)
	h.hears(n, "DDEATH", "drive", "", "")
	n = h.len()
	write(text)
	agent.cmd.Process.Signal(syscall.SIGHUP)
	h.hears(n, "DBIRTH", "drive", "", "")

	n = h.len()
	agent.kill(syscall.SIGKILL)
	h.hears(n, "NDEATH", "", "bdSeq", "0")
	agent = run()
	h.hears(n, "NBIRTH", "", "bdSeq", "1")
	h.hears(n, "DBIRTH", "drive", "", "")

	n = h.len()
	b.stop()
	bank.SetHolding(1, 502)
	b.start()
	h.hears(n, "NBIRTH", "", "bdSeq", "2")
	h.hears(n, "DBIRTH", "drive", "drive.speed", "502")

	n = h.len()
	agent.kill(syscall.SIGTERM)
	h.hears(n, "NDEATH", "", "bdSeq", "2")
	if agent.err != nil {
		t.Errorf("ended with %v after SIGTERM, want 0", agent.err)
	}
	time.Sleep(time.Second) // a second one would come at once
	if deaths := h.count(n, func(m *spMessage) bool { return m.Kind == "NDEATH" }); deaths != 1 {
		t.Errorf("%d NDEATHs of a stop, want 1", deaths)
	}
	h.check()
}

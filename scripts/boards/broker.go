package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"iot-edge-anomaly/scripts/child"
)

// broker is a real mosquitto on this host's loopback, with a mosquitto_sub that
// subscribes to everything. Its sessions are on disk, so that a restart loses none.
type broker struct {
	mosquitto, sub string // programs
	conf, addr     string
	server, client *child.Process
	heard          heard
}

// message is a message that the broker received.
type message struct {
	topic, payload string
	event          event // where the topic ends in /event
}

// event has the fields of docs/event.schema.json that the steps check.
type event struct {
	Seq      uint64
	Boot     string
	Machine  string
	Kind     string
	Source   string
	State    string
	Event    string
	Time     time.Time
	Since    time.Time
	Quality  string  `json:"time_quality"`
	Uptime   float64 `json:"uptime_s"`
	Duration float64 `json:"duration_s"`
	Severity string
	Resent   bool
	Detail   string
	Reason   string
	Causes   []struct {
		Channel string
		Value   float64
	}
}

// slow tells whether an event says that the CPU is slow or busy: an emulated one is.
func (e *event) slow() bool {
	return e.Kind == "alert" && (e.Source == "HighCpuUsage" || e.Source == "HighInferenceLatency")
}

func (e *event) String() string {
	return fmt.Sprintf("%s %s %s %s %s", e.Kind, e.Machine, e.Source, e.State, e.Reason)
}

// heard collects lines of mosquitto_sub -v, "topic payload".
type heard struct {
	mu    sync.Mutex
	rest  []byte
	all   []message
	seen  map[uint64]bool // events' numbers
	again []event         // events that were delivered a second time
}

// Write implements io.Writer for mosquitto_sub's output.
func (h *heard) Write(b []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.rest = append(h.rest, b...)
	for {
		line, rest, found := bytes.Cut(h.rest, []byte("\n"))
		if !found {
			return len(b), nil
		}
		h.rest = rest
		topic, payload, _ := strings.Cut(string(line), " ")
		m := message{topic: topic, payload: payload}
		if strings.HasSuffix(topic, "/event") {
			if err := json.Unmarshal([]byte(payload), &m.event); err != nil {
				m.event.Kind = "not JSON: " + err.Error()
			}
			if h.seen[m.event.Seq] {
				h.again = append(h.again, m.event)
				continue
			}
			h.seen[m.event.Seq] = true
		}
		h.all = append(h.all, m)
	}
}

// messages are those heard so far, without second deliveries of events.
func (h *heard) messages() []message {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.all[:len(h.all):len(h.all)]
}

// repeated are the second deliveries, which QoS 1 permits.
func (h *heard) repeated() []event {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.again[:len(h.again):len(h.again)]
}

// newBroker starts mosquitto with its files in dir, on a free port.
func newBroker(dir string) (*broker, error) {
	b := &broker{conf: filepath.Join(dir, "mosquitto.conf"), heard: heard{seen: map[uint64]bool{}}}
	var err error
	if b.mosquitto, err = child.Find("mosquitto", "mosquitto"); err != nil {
		return nil, err
	}
	if b.sub, err = child.Find("mosquitto_sub", "mosquitto-clients"); err != nil {
		return nil, err
	}
	if b.addr, err = child.FreeAddr(); err != nil {
		return nil, err
	}
	me, err := user.Current()
	if err != nil {
		return nil, err
	}
	host, port, _ := net.SplitHostPort(b.addr)
	conf := fmt.Sprintf("listener %s %s\nallow_anonymous true\nmax_queued_messages 0\nuser %s\npersistence true\npersistence_location %s/\n", port, host, me.Username, dir)
	if err := os.WriteFile(b.conf, []byte(conf), 0o644); err != nil {
		return nil, err
	}
	if err := b.start(); err != nil {
		return b, err
	}
	b.client, err = child.Start(&b.heard, b.sub, "-h", host, "-p", port, "-q", "1", "-v", "-c", "-i", "boards", "-t", "#")
	return b, err
}

// start starts mosquitto, also after stop.
func (b *broker) start() (err error) {
	if b.server, err = child.Start(io.Discard, b.mosquitto, "-c", b.conf); err != nil {
		return err
	}
	for end := time.Now().Add(time.Minute); time.Now().Before(end) && b.server.Running(); time.Sleep(20 * time.Millisecond) {
		if c, err := net.Dial("tcp", b.addr); err == nil {
			return c.Close()
		}
	}
	return fmt.Errorf("mosquitto does not listen on %s", b.addr)
}

// stop ends mosquitto, which saves its sessions.
func (b *broker) stop() { b.server.End(syscall.SIGTERM) }

func (b *broker) close() {
	if b != nil {
		b.client.End(syscall.SIGKILL)
		b.server.End(syscall.SIGKILL)
	}
}

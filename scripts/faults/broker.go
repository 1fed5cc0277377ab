package main

import (
	"bytes"
	"encoding/json"
	"fmt"
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

// broker is a mosquitto that keeps its sessions over a restart, and a subscriber that
// hears everything.
type broker struct {
	addr, conf, mosquitto string
	server, client        *child.Process
	heard
}

// event is what the cases need of an event message.
type event struct {
	at        time.Time // when it arrived here
	Seq       uint64
	ID        string
	Machine   string
	Kind      string
	Source    string
	State     string
	Event     string
	Severity  string
	Time      time.Time
	Resent    bool
	Truncated bool
	Detail    string
	Durable   *bool
}

// heard collects the lines of mosquitto_sub. Safe for concurrent use.
type heard struct {
	mu       sync.Mutex
	rest     []byte
	events   []event
	retained map[string]string // the newest payload of each other topic
}

// Write implements io.Writer for the output of mosquitto_sub -v.
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
		if !strings.HasSuffix(topic, "/event") {
			h.retained[topic] = payload
			continue
		}
		e := event{at: time.Now()}
		if err := json.Unmarshal([]byte(payload), &e); err != nil {
			e.Kind = "not JSON: " + err.Error()
		}
		h.events = append(h.events, e)
	}
}

// all are the events heard so far, second deliveries too.
func (h *heard) all() []event {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.events[:len(h.events):len(h.events)]
}

// count counts the events that have something.
func (h *heard) count(is func(*event) bool) (n int) {
	for _, e := range h.all() {
		if is(&e) {
			n++
		}
	}
	return n
}

// state is the newest payload of a topic that ends so.
func (h *heard) state(suffix string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	for topic, payload := range h.retained {
		if strings.HasSuffix(topic, suffix) {
			return payload
		}
	}
	return ""
}

// startBroker starts mosquitto on a free port, with further lines of its configuration,
// and the subscriber.
func (t *trial) startBroker(further string) (*broker, error) {
	dir := filepath.Join(t.dir, "mosquitto")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	b := &broker{conf: filepath.Join(dir, "mosquitto.conf"), heard: heard{retained: map[string]string{}}}
	var err error
	if b.mosquitto, err = need("mosquitto", "mosquitto"); err != nil {
		return nil, err
	}
	sub, err := need("mosquitto_sub", "mosquitto-clients")
	if err != nil {
		return nil, err
	}
	if b.addr, err = freeAddr(); err != nil {
		return nil, err
	}
	me, err := user.Current()
	if err != nil {
		return nil, err
	}
	host, port, _ := net.SplitHostPort(b.addr)
	conf := fmt.Sprintf("listener %s %s\nallow_anonymous true\nmax_queued_messages 0\nmax_inflight_messages 0\nuser %s\npersistence true\npersistence_location %s/\n%s",
		port, host, me.Username, dir, further)
	if err := os.WriteFile(b.conf, []byte(conf), 0o644); err != nil {
		return nil, err
	}
	t.later(func() {
		b.client.End(syscall.SIGKILL)
		b.server.End(syscall.SIGKILL)
	})
	if err := b.start(); err != nil {
		return nil, err
	}
	b.client, err = child.Start(&b.heard, sub, "-h", host, "-p", port, "-q", "1", "-v", "-c", "-i", "faults", "-t", "#")
	return b, err
}

// start starts mosquitto, also after stop.
func (b *broker) start() (err error) {
	log, err := os.OpenFile(b.conf+".log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	if b.server, err = child.Start(log, b.mosquitto, "-c", b.conf); err != nil {
		return err
	}
	return await(time.Minute, "mosquitto listens", func() bool {
		c, err := net.Dial("tcp", b.addr)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
}

// stop ends mosquitto, which saves its sessions.
func (b *broker) stop() { b.server.End(syscall.SIGTERM) }

// balance is what became of the messages of a device.
type balance struct {
	messages, repeated, unmarked int
	missing                      uint64 // numbers from 1 to the last
	disorder                     int    // a number below one that came before, for the first time
	unequal                      int    // one number, two ids
	illogical                    int    // a close without an open, a second open
}

// balanceOf compares the events heard with what must be true of any device.
func balanceOf(events []event) (b balance) {
	ids := map[uint64]string{}
	open := map[string]bool{}
	var last uint64
	for _, e := range events {
		b.messages++
		if id, seen := ids[e.Seq]; seen {
			b.repeated++
			if !e.Resent {
				b.unmarked++
			}
			if id != e.ID {
				b.unequal++
			}
			continue
		}
		ids[e.Seq] = e.ID
		if e.Seq < last {
			b.disorder++
		}
		last = max(last, e.Seq)
		was, known := open[e.Event]
		if e.State == "open" && known || e.State != "open" && !was {
			b.illogical++
		}
		open[e.Event] = e.State != "close"
	}
	b.missing = last - uint64(len(ids))
	return b
}

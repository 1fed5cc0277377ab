package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"sync"
	"time"
)

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

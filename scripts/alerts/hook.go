package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// evaluators are who judges the rules, as the label `source` names them.
var evaluators = []string{"prometheus", "vmalert"}

// notice is an alert that reached a receiver.
type notice struct {
	receiver string
	status   string // firing or resolved
	labels   map[string]string
	summary  string
	at       time.Time
}

// hook takes what Alertmanager sends.
type hook struct {
	addr string
	mu   sync.Mutex
	all  []notice
}

func listen() (*hook, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	h := &hook{addr: ln.Addr().String()}
	go http.Serve(ln, h)
	return h, nil
}

// ServeHTTP takes one notification.
func (h *hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Alerts []struct {
			Status              string
			Labels, Annotations map[string]string
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, a := range body.Alerts {
		h.all = append(h.all, notice{strings.TrimPrefix(r.URL.Path, "/"), a.Status, a.Labels, a.Annotations["summary"], time.Now()})
	}
}

// find is the first notice of an alert after some moment.
func (h *hook) find(name, device, source, status string, after time.Time) (notice, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, n := range h.all {
		if n.labels["alertname"] == name && n.labels["device_id"] == device && n.labels["source"] == source && n.status == status && n.at.After(after) {
			return n, true
		}
	}
	return notice{}, false
}

// checker waits for notices and remembers what is wrong.
type checker struct {
	received *hook
	begin    time.Time
	patience time.Duration
	fired    time.Time // when the fault was injected
	wrong    []string
}

func (c *checker) say(format string, args ...any) {
	fmt.Printf("%6.0f s  %s\n", time.Since(c.begin).Seconds(), fmt.Sprintf(format, args...))
}

func (c *checker) fail(format string, args ...any) {
	c.wrong = append(c.wrong, fmt.Sprintf(format, args...))
	c.say("WRONG: "+format, args...)
}

// fires waits until each evaluator's alert has reached the receiver.
func (c *checker) fires(name string, a *agent, receiver, why string) {
	if c.fired = time.Now().Add(-time.Second); c.patience > patience {
		c.fired = c.begin // it comes by itself
	}
	c.say("%s: %s", name, why)
	for _, source := range evaluators {
		n, ok := c.wait(name, a, source, "firing", c.fired)
		switch {
		case !ok:
			c.fail("%s of %s did not fire", name, source)
		case n.receiver != receiver:
			c.fail("%s of %s went to %s, want %s", name, source, n.receiver, receiver)
		default:
			c.say("%s: %s by %s -> %s: %s", name, n.labels["severity"], source, n.receiver, n.summary)
		}
	}
}

// repeats wants the alert to be told again and again while it lasts.
func (c *checker) repeats(name string, a *agent, least int) {
	c.received.mu.Lock()
	defer c.received.mu.Unlock()
	n := 0
	for _, notice := range c.received.all {
		if notice.labels["alertname"] == name && notice.labels["device_id"] == a.id && notice.labels["source"] == evaluators[0] && notice.status == "firing" {
			n++
		}
	}
	if n < least {
		c.fail("%s was told %d times, want %d at the least", name, n, least)
		return
	}
	c.say("%s: told %d times while it lasted", name, n)
}

// clears waits until each evaluator's alert is resolved.
func (c *checker) clears(name string, a *agent, why string) {
	c.say("%s: %s", name, why)
	for _, source := range evaluators {
		if _, ok := c.wait(name, a, source, "resolved", c.fired); !ok {
			c.fail("%s of %s was not resolved", name, source)
			continue
		}
		c.say("%s: resolved by %s", name, source)
	}
}

func (c *checker) wait(name string, a *agent, source, status string, after time.Time) (notice, bool) {
	for end := time.Now().Add(c.patience); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		if n, ok := c.received.find(name, a.id, source, status, after); ok {
			return n, true
		}
	}
	return notice{}, false
}

// verdict is what was wrong.
func (c *checker) verdict() error {
	if len(c.wrong) > 0 {
		return fmt.Errorf("%d of the checks failed", len(c.wrong))
	}
	fmt.Println("each alert fired at both evaluators, took its route and cleared")
	return nil
}

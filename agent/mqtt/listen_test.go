package mqtt

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"iot-edge-anomaly/agent/spool"
)

// ear remembers what it hears.
type ear struct {
	mu    sync.Mutex
	heard []string
}

func (e *ear) take(payload []byte, retained bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if retained {
		payload = append([]byte("retained "), payload...)
	}
	e.heard = append(e.heard, string(payload))
}

func (e *ear) all() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return strings.Join(e.heard, ",")
}

func say(t *testing.T, m *mosquitto, topic, payload string, more ...string) {
	t.Helper()
	host, port, _ := strings.Cut(m.addr, ":")
	if out, err := exec.Command("mosquitto_pub", append([]string{"-h", host, "-p", port, "-q", "1", "-t", topic, "-m", payload}, more...)...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// listening are the options of a client that listens to a topic of others.
func listening(e *ear) Options {
	return Options{Listen: []Listener{{Topic: "homeassistant/status", Take: e.take}}}
}

// TestListen: a listener hears what others say, and whether it is from before; our own
// status is watched all the same.
func TestListen(t *testing.T) {
	m := newMosquitto(t)
	say(t, m, "homeassistant/status", "online", "-r")
	l, e := listen(t, m), &ear{}
	o := listening(e)
	o.Broker = "tcp://" + m.addr
	run(t, mustNew(t, o, mustSpool(t)))
	eventually(t, busy, "the retained message", func() bool { return e.all() == "retained online" })
	say(t, m, "homeassistant/status", "offline")
	say(t, m, "homeassistant/other", "online")
	say(t, m, "homeassistant/status", "online")
	eventually(t, busy, "what was said", func() bool { return e.all() == "retained online,offline,online" })
	say(t, m, statusTopic, "offline", "-r")
	eventually(t, busy, "online again", func() bool { return strings.HasSuffix(strings.Join(l.on(statusTopic), " "), "offline online") })
}

// TestListen_refused: a broker that ends the connection when we ask for a topic of
// others has our messages all the same, and lets us read our status.
func TestListen_refused(t *testing.T) {
	e := &ear{}
	faked(t, listening(e), func(t *testing.T, b *fakeBroker, c *Client, q *spool.Queue) {
		b.note(func() { b.picky = true })
		appendN(t, q, 3)
		stop := run(t, c)
		time.Sleep(time.Minute)
		if !c.Connected() || c.subscribeFailures != 0 {
			t.Errorf("connected %v, subscriptions failed %d times", c.Connected(), c.subscribeFailures)
		}
		stop()
		wantNumbers(t, b.on(eventTopic), 3)
	})
}

// TestListen_tooLong: a message longer than we accept, retained where we listen, costs a
// connection and holds nothing up.
func TestListen_tooLong(t *testing.T) {
	m := newMosquitto(t)
	say(t, m, "homeassistant/status", strings.Repeat("x", maxPacket), "-r")
	l, e, q := listen(t, m), &ear{}, mustSpool(t)
	appendN(t, q, 3)
	o := listening(e)
	o.Broker = "tcp://" + m.addr
	c := mustNew(t, o, q)
	run(t, c)
	eventually(t, busy, "the messages", func() bool { return len(firsts(l.on(eventTopic))) == 3 })
	eventually(t, busy, "a connection that lasts", func() bool { s := c.Stats(); return s.Connected && time.Since(s.Since) > 3*time.Second })
	if s := c.Stats(); s.Connects > 4 {
		t.Errorf("%d connections", s.Connects)
	}
}

// TestListen_again: what is too long stops listening for an hour, then for two and so
// on to a day; it is heard again then, and all the while messages are delivered.
func TestListen_again(t *testing.T) {
	e := &ear{}
	faked(t, listening(e), func(t *testing.T, b *fakeBroker, c *Client, q *spool.Queue) {
		tries := func() (n int) {
			b.note(func() {
				for _, topics := range b.asked {
					if topics > 1 {
						n++
					}
				}
			})
			return n
		}
		b.note(func() { b.word = maxPacket })
		stop := run(t, c)
		defer stop()
		for i, want := range []struct {
			after time.Duration
			tries int
		}{{50 * time.Minute, 1}, {20 * time.Minute, 2}, {100 * time.Minute, 2}, {20 * time.Minute, 3}, {10 * 24 * time.Hour, 14}} {
			appendN(t, q, 1)
			time.Sleep(want.after)
			if n := tries(); n != want.tries {
				t.Errorf("step %d: listened %d times, want %d", i, n, want.tries)
			}
			if !c.Connected() || q.Len() != 0 {
				t.Errorf("step %d: connected %v, %d messages wait", i, c.Connected(), q.Len())
			}
		}
		b.note(func() { b.word = 1 })
		time.Sleep(hearMost + time.Hour)
		if e.all() != "retained x" {
			t.Errorf("heard %q", e.all())
		}
		n := tries()
		time.Sleep(2 * hearMost)
		if tries() != n {
			t.Error("a connection that listens ends")
		}
	})
}

// TestListen_denied: so has one that denies the topic.
func TestListen_denied(t *testing.T) {
	acl := filepath.Join(openDir(t), "acl")
	if err := os.WriteFile(acl, []byte("topic readwrite plant/#\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	m := newMosquitto(t, "allow_anonymous true", "acl_file "+acl)
	l, e, q := listen(t, m), &ear{}, mustSpool(t)
	appendN(t, q, 3)
	o := listening(e)
	o.Broker = "tcp://" + m.addr
	c := mustNew(t, o, q)
	run(t, c)
	eventually(t, busy, "the messages", func() bool { return len(firsts(l.on(eventTopic))) == 3 })
	say(t, m, statusTopic, "offline", "-r")
	eventually(t, busy, "online again", func() bool { return strings.HasSuffix(strings.Join(l.on(statusTopic), " "), "offline online") })
	if s := c.Stats(); s.Connects != 1 {
		t.Errorf("%d connections", s.Connects)
	}
}

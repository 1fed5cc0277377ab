package mqtt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"iot-edge-anomaly/agent/spool"
	"iot-edge-anomaly/drivers/driverstest"
)

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

const (
	eventTopic  = "plant/gw7/event"
	statusTopic = "plant/gw7/status"
)

// mosquitto is a real broker on an address of this process.
type mosquitto struct {
	t    testing.TB
	dir  string
	addr string
	conf string
	cmd  *exec.Cmd
}

// newMosquitto starts a broker with further lines of configuration after
// `listener PORT HOST`.
func newMosquitto(t testing.TB, lines ...string) *mosquitto {
	t.Helper()
	if testing.Short() {
		t.Skip("needs mosquitto; left out with -short")
	}
	if mosquittoPath() == "" {
		t.Fatal("mosquitto is missing: apt install mosquitto")
	}
	m := &mosquitto{t: t, dir: openDir(t), addr: driverstest.FreeAddr(t)}
	host, port, _ := net.SplitHostPort(m.addr)
	conf := fmt.Sprintf("listener %s %s\nmax_queued_messages 0\nmax_inflight_messages 0\n", port, host)
	if len(lines) == 0 {
		lines = []string{"allow_anonymous true"}
	}
	for _, l := range lines {
		conf += l + "\n"
	}
	m.conf = filepath.Join(m.dir, "mosquitto.conf")
	if err := os.WriteFile(m.conf, []byte(conf), 0o644); err != nil {
		t.Fatal(err)
	}
	m.start()
	t.Cleanup(m.kill)
	return m
}

func mosquittoPath() string {
	for _, name := range []string{"mosquitto", "/usr/sbin/mosquitto"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// openDir is a folder that the user mosquitto, to which the broker drops when
// started by root, can read.
func openDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "mosquitto")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func (m *mosquitto) start() {
	m.t.Helper()
	m.cmd = exec.Command(mosquittoPath(), "-c", m.conf)
	var out bytes.Buffer
	m.cmd.Stderr, m.cmd.Stdout = &out, &out
	if err := m.cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	for end := time.Now().Add(busy); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if c, err := net.Dial("tcp", m.addr); err == nil {
			c.Close()
			return
		}
	}
	m.kill()
	m.t.Fatalf("mosquitto does not listen on %s:\n%s", m.addr, out.Bytes())
}

func (m *mosquitto) kill() {
	if m.cmd != nil {
		m.cmd.Process.Kill()
		m.cmd.Wait()
		m.cmd = nil
	}
}

// listener collects everything below plant/, as a consumer would.
type listener struct {
	hears atomic.Bool // it is subscribed
	mu    sync.Mutex
	seen  []paho.Message
}

// listen returns once the consumer hears.
func listen(t testing.TB, m *mosquitto) *listener {
	t.Helper()
	l := &listener{}
	o := paho.NewClientOptions().AddBroker("tcp://" + m.addr).SetClientID("consumer")
	o.SetCleanSession(false).SetConnectRetry(true).SetConnectRetryInterval(50 * time.Millisecond)
	o.SetMaxReconnectInterval(200 * time.Millisecond)
	o.SetOnConnectHandler(func(c paho.Client) {
		tok := c.Subscribe("plant/#", 1, func(_ paho.Client, m paho.Message) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.seen = append(l.seen, m)
		})
		l.hears.Store(tok.WaitTimeout(busy) && tok.Error() == nil)
	})
	o.SetConnectionLostHandler(func(paho.Client, error) { l.hears.Store(false) })
	c := paho.NewClient(o)
	if tok := c.Connect(); !tok.WaitTimeout(busy) || tok.Error() != nil {
		t.Fatal("consumer can not connect: ", tok.Error())
	}
	t.Cleanup(func() { c.Disconnect(50) })
	eventually(t, 5*time.Second, "the consumer's subscription", l.hears.Load)
	return l
}

// first makes c connect only while the listener hears: a broker that was killed
// has forgotten its subscriptions, and what it takes before they are back is
// lost on the way to the listener.
func (l *listener) first(c *Client) {
	dial := c.dial
	c.dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
		if !l.hears.Load() {
			return nil, errors.New("nobody listens yet")
		}
		return dial(ctx, network, addr)
	}
}

// on returns the payloads seen on a topic, in order.
func (l *listener) on(topic string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []string
	for _, m := range l.seen {
		if m.Topic() == topic {
			out = append(out, string(m.Payload()))
		}
	}
	return out
}

// busy is what other programs on the machine may take from what is waited for.
const busy = 2 * time.Minute

// eventually waits until ok, at most d and what other programs take.
func eventually(t testing.TB, d time.Duration, what string, ok func() bool) {
	t.Helper()
	d += busy
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("not within %v: %s", d, what)
}

func mustSpool(t testing.TB) *spool.Queue {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "spool") // in memory: no waiting for a card
	if err != nil {
		dir = t.TempDir()
	}
	q, err := spool.Open(dir, spool.Options{Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { q.Close(); os.RemoveAll(dir) })
	return q
}

func status(payload string) spool.Message {
	return spool.Message{Topic: statusTopic, Payload: []byte(payload), Retain: true}
}

func mustNew(t testing.TB, o Options, q *spool.Queue) *Client {
	t.Helper()
	o.ClientID, o.Logger = "gw7", quiet
	o.Birth, o.Will, o.Offline = status("online"), status("offline"), status("offline")
	c, err := New(o, q)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// run starts c and returns what stops it and waits.
func run(t testing.TB, c *Client) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Errorf("Run: %v", err)
			}
		})
	}
	t.Cleanup(stop)
	return stop
}

func appendN(t testing.TB, q *spool.Queue, n int) {
	t.Helper()
	for range n {
		if err := q.Append(numbered); err != nil {
			t.Fatal(err)
		}
	}
}

func numbered(seq uint64) (spool.Message, error) {
	return spool.Message{Topic: eventTopic, Payload: fmt.Append(nil, seq)}, nil
}

// firsts are the numbers in the order of their first arrival.
func firsts(payloads []string) []string {
	var out []string
	seen := map[string]bool{}
	for _, p := range payloads {
		if !seen[p] {
			seen[p] = true
			out = append(out, p)
		}
	}
	return out
}

func wantNumbers(t testing.TB, got []string, n int) {
	t.Helper()
	if len(got) != n {
		t.Fatalf("%d different messages arrived, want %d", len(got), n)
	}
	for i, p := range got {
		if p != fmt.Sprint(i+1) {
			t.Fatalf("message %d of %d is %s: out of order", i+1, n, p)
		}
	}
}

func TestMosquitto(t *testing.T) {
	m := newMosquitto(t)
	l := listen(t, m)
	q := mustSpool(t)
	appendN(t, q, 100) // before there is a connection
	c := mustNew(t, Options{Broker: "mqtt://" + m.addr}, q)
	c.SetRetained("plant/gw7/machine/main", []byte("normal"))
	stop := run(t, c)
	appendN(t, q, 100)
	eventually(t, 10*time.Second, "200 events", func() bool { return len(l.on(eventTopic)) >= 200 })
	wantNumbers(t, l.on(eventTopic), 200)
	c.SetRetained("plant/gw7/machine/main", []byte("anomaly"))
	eventually(t, 5*time.Second, "retained state", func() bool {
		s := l.on("plant/gw7/machine/main")
		return len(s) > 0 && s[len(s)-1] == "anomaly"
	})
	if !c.Connected() {
		t.Error("not connected")
	}
	appendN(t, q, 1)
	stop() // drains
	eventually(t, 5*time.Second, "offline", func() bool {
		s := l.on(statusTopic)
		return len(s) > 0 && s[len(s)-1] == "offline"
	})
	wantNumbers(t, l.on(eventTopic), 201)
	s := c.Stats()
	if s.Connects != 1 || s.Disconnects != 1 || s.Published != 201 || s.Acked != 201 || s.Resent != 0 || s.Errors != 0 || s.Connected {
		t.Errorf("stats %+v", s)
	}
	if n := q.Stats().Messages; n != 0 {
		t.Errorf("%d messages left", n)
	}
}

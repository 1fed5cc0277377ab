package mqtt

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"iot-edge-anomaly/agent/broker"
	"iot-edge-anomaly/agent/spool"
)

func TestNew_refuses(t *testing.T) {
	base := Options{Broker: "mqtts://b", ClientID: "gw7"}
	cases := map[string]struct {
		change func(o *Options)
		says   string
	}{
		"no broker":         {func(o *Options) { o.Broker = "" }, "scheme"},
		"websocket":         {func(o *Options) { o.Broker = "ws://b" }, `scheme "ws", want tcp, mqtt, mqtts, ssl or tls`},
		"no scheme":         {func(o *Options) { o.Broker = "broker:1883" }, "scheme"},
		"no host":           {func(o *Options) { o.Broker = "tcp://:1883" }, "no host"},
		"password inside":   {func(o *Options) { o.Broker = "tcp://u:s3cret@b" }, "must not contain user or password"},
		"path":              {func(o *Options) { o.Broker = "tcp://b/mqtt" }, "nothing may follow the port"},
		"bad port":          {func(o *Options) { o.Broker = "tcp://u:s3cret@b:x" }, "port"},
		"no client id":      {func(o *Options) { o.ClientID = "" }, "client id"},
		"client id":         {func(o *Options) { o.ClientID = "gw/7" }, "client id"},
		"long client id":    {func(o *Options) { o.ClientID = strings.Repeat("x", 65) }, "client id"},
		"cert without key":  {func(o *Options) { o.Cert = "c" }, "both or none"},
		"CA without TLS":    {func(o *Options) { o.Broker, o.CA = "tcp://b", "ca" }, "does not use TLS"},
		"password alone":    {func(o *Options) { o.PasswordFile = "p" }, "without a user name"},
		"window":            {func(o *Options) { o.Window = -1 }, "window"},
		"two status topics": {func(o *Options) { o.Birth.Topic, o.Will.Topic = "a", "b" }, "differ"},
		"wildcard": {func(o *Options) {
			o.Birth.Topic, o.Will.Topic, o.Offline.Topic = "a/#", "a/#", "a/#"
		}, "wildcards"},
	}
	for name, c := range cases {
		o := base
		c.change(&o)
		_, err := New(o, nil)
		if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
	all := Options{Broker: "ws://b", Cert: "c", PasswordFile: "p"}
	if _, err := New(all, nil); err == nil || strings.Count(err.Error(), "\n") != 3 {
		t.Errorf("want all four faults at once: %v", err)
	}
}

func TestNew_warnsOfClearText(t *testing.T) {
	for broker, want := range map[string]bool{
		"tcp://broker": true, "tcp://10.0.0.1": true,
		"tcp://127.0.0.1": false, "mqtt://localhost": false, "tcp://[::1]": false, "mqtts://broker": false,
	} {
		var log bytes.Buffer
		if _, err := New(Options{Broker: broker, ClientID: "gw7", Logger: slog.New(slog.NewTextHandler(&log, nil))}, nil); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(log.String(), "unencrypted"); got != want {
			t.Errorf("%s: warned %v, want %v", broker, got, want)
		}
	}
}

// The waits follow the outage: 1 to 5 s in the first minute, then a quarter to a half
// of it, at last between 4.9 and 6.5 minutes.
func TestBackoff(t *testing.T) {
	for range 100 {
		for outage, want := range map[time.Duration][2]time.Duration{
			0: {time.Second, 5 * time.Second}, 59 * time.Second: {time.Second, 5 * time.Second},
			time.Minute: {15 * time.Second, 30 * time.Second}, 10 * time.Minute: {150 * time.Second, 5 * time.Minute},
			24 * time.Hour: {longestWait * 3 / 4, longestWait},
		} {
			if d := backoff(outage, longestWait); d < want[0] || d > want[1] {
				t.Fatalf("after %v the wait is %v, want %v to %v", outage, d, want[0], want[1])
			}
		}
		if d := backoff(time.Hour, 20*time.Millisecond); d < 15*time.Millisecond || d > 20*time.Millisecond {
			t.Fatalf("wait %v, want 20ms at most", d)
		}
		if d := backoff(0, 20*time.Millisecond); d > 20*time.Millisecond {
			t.Fatalf("first wait %v, want 20ms at most", d)
		}
	}
}

// script is a connection that delivers bytes in pieces of n.
type script struct {
	net.Conn
	b      []byte
	n      int
	closed bool
}

func (s *script) Read(p []byte) (int, error) {
	if len(s.b) == 0 {
		return 0, io.EOF
	}
	n := copy(p, s.b[:min(s.n, len(s.b))])
	s.b = s.b[n:]
	return n, nil
}

func (s *script) Close() error { s.closed = true; return nil }

// Brokers say goodbye to clients of MQTT 3.1.1 too, with what only MQTT 5 allows: it is
// an end by the broker, as any other.
func TestGuard_goodbye(t *testing.T) {
	g := &guard{Conn: &script{b: []byte{0x20, 2, 0, 0, 0xe0, 0}, n: 9}}
	if _, err := g.Read(make([]byte, 9)); !broker.Closed(err) || !strings.Contains(err.Error(), "DISCONNECT") {
		t.Errorf("%v", err)
	}
}

// Check hears retained states and telemetry, which may be longer than what the agent hears.
func TestGuard_most(t *testing.T) {
	b := append([]byte{0x30, 0x81, 0x80, 0x04}, make([]byte, maxPacket+1)...)
	for most, ok := range map[uint32]bool{0: false, checkPacket: true} {
		g := &guard{Conn: &script{b: bytes.Clone(b), n: len(b)}, most: most}
		if _, err := io.ReadAll(g); (err == nil) != ok {
			t.Errorf("%d: %v", most, err)
		}
	}
}

func TestGuard(t *testing.T) {
	publish := append([]byte{0x32, 0x80, 0x01}, make([]byte, 128)...)
	largest := append([]byte{0x30, 0x80, 0x80, 0x04}, make([]byte, maxPacket)...)
	for name, c := range map[string]struct {
		b  []byte
		ok bool
	}{
		"a session":      {append(append([]byte{0x20, 2, 0, 0, 0x40, 2, 0, 1, 0x90, 3, 0, 2, 1}, publish...), 0xd0, 0), true},
		"largest packet": {largest, true},
		"too large":      {[]byte{0x30, 0x81, 0x80, 0x04}, false},
		"255 MiB":        {[]byte{0x30, 0xff, 0xff, 0xff, 0x7f}, false},
		"five lengths":   {[]byte{0x30, 0x80, 0x80, 0x80, 0x80, 0x01}, false},
		"two CONNACK":    {[]byte{0x20, 2, 0, 0, 0x20, 2, 0, 0}, false},
		"two SUBACK":     {[]byte{0x90, 3, 0, 2, 1, 0x90, 3, 0, 3, 1}, false},
		"long SUBACK":    {[]byte{0x90, 4, 0, 2, 1, 1}, false},
		"UNSUBACK":       {[]byte{0xb0, 2, 0, 1}, false},
		"PUBREC":         {[]byte{0x50, 2, 0, 1}, false},
		"QoS 2":          {[]byte{0x34, 5}, false},
		"CONNECT":        {[]byte{0x10, 2}, false},
		"reserved":       {[]byte{0xf0, 0}, false},
		"PUBACK flags":   {[]byte{0x41, 2}, false},
		"early PUBACK":   {[]byte{0x20, 2, 0, 0, 0x40, 2, 0, 1}, false},
		"short PUBACK":   {[]byte{0x40, 1}, false},
	} {
		for _, n := range []int{1, 2, 3, 1 << 20} {
			s := &script{b: bytes.Clone(c.b), n: n}
			var told error
			g := &guard{Conn: s, lost: func(err error) { told = err }}
			g.publishes.Store(name != "early PUBACK")
			got, err := io.ReadAll(g)
			if c.ok && (err != nil || !bytes.Equal(got, c.b) || told != io.EOF) {
				t.Errorf("%s by %d: %d bytes, %v", name, n, len(got), err)
			}
			if !c.ok && (!errors.Is(err, errProtocol) || !errors.Is(told, errProtocol) || !s.closed || !errors.Is(g.cause(nil), errProtocol)) {
				t.Errorf("%s by %d: %v, told %v, closed %v", name, n, err, told, s.closed)
			}
		}
	}
}

// A SUBACK has a result for each topic that we asked for: the library trusts it.
func TestGuard_topics(t *testing.T) {
	for n := range uint32(4) {
		for results := range byte(6) {
			g := &guard{}
			g.more.Store(n)
			err := g.inspect(append([]byte{0x90, 2 + results, 0, 2}, make([]byte, results)...))
			if ok := uint32(results) == n+1; ok != (err == nil) {
				t.Errorf("%d results for %d topics: %v", results, n+1, err)
			}
		}
	}
}

// Whatever comes in whatever pieces: the verdict does not depend on them, and
// no packet longer than allowed is begun.
func FuzzGuard(f *testing.F) {
	f.Add([]byte{0x20, 2, 0, 0, 0x40, 2, 0, 1, 0x90, 3, 0, 2, 1, 0xd0, 0}, 3)
	f.Add([]byte{0x30, 0xff, 0xff, 0xff, 0x7f}, 1)
	f.Fuzz(func(t *testing.T, b []byte, n int) {
		whole, pieces := &guard{}, &guard{}
		whole.publishes.Store(true)
		pieces.publishes.Store(true)
		err := whole.inspect(b)
		n = max(1, n)
		var perr error
		for rest := b; len(rest) > 0 && perr == nil; {
			k := min(n, len(rest))
			perr = pieces.inspect(rest[:k])
			rest = rest[k:]
		}
		if (err == nil) != (perr == nil) {
			t.Fatalf("whole %v, in pieces of %d %v", err, n, perr)
		}
		if err == nil && (whole.body != pieces.body || whole.header != pieces.header) {
			t.Fatalf("whole %+v, pieces %+v", whole, pieces)
		}
		if whole.body > maxPacket {
			t.Fatalf("%d bytes let in", whole.body)
		}
	})
}

// A queue that is closed under the client does not bring it down.
func TestRun_queueClosed(t *testing.T) {
	faked(t, Options{}, func(t *testing.T, b *fakeBroker, c *Client, q *spool.Queue) {
		stop := run(t, c)
		time.Sleep(time.Second)
		if err := q.Close(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if s := c.Stats(); !strings.Contains(s.LastError, spool.ErrClosed.Error()) {
			t.Errorf("%+v", s)
		}
		stop()
	})
}

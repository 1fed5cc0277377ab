package mqtt

import (
	"bytes"
	"context"
	"net"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"iot-edge-anomaly/agent/spool"
)

// fakeBroker is a broker at the other end of a pipe, able to misbehave.
type fakeBroker struct {
	mu     sync.Mutex
	down   bool
	silent bool                              // acknowledges no event
	strict bool                              // hangs up on SUBSCRIBE
	picky  bool                              // hangs up on SUBSCRIBE to several topics
	word   int                               // bytes of what it says to who subscribes to several topics; 0 = nothing
	asked  []int                             // topics of each SUBSCRIBE
	refuse func(*packets.PublishPacket) bool // hangs up on it
	mute   func(*packets.PublishPacket) bool // does not acknowledge it
	admit  func(*packets.ConnectPacket) byte // code of CONNACK; 0xff = hangs up
	late   time.Duration                     // between a message and its acknowledgement
	raw    func(n int, c net.Conn)           // instead of speaking MQTT
	dials  int                               // attempts
	conns  []net.Conn                        // all ever accepted
	seen   []*packets.PublishPacket          // all ever received
	wills  []*packets.ConnectPacket          // all ever received
	clean  int                               // DISCONNECT received
}

func (b *fakeBroker) dial(context.Context, string, string) (net.Conn, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.dials++
	if b.down {
		return nil, syscall.ECONNREFUSED
	}
	ours, theirs := net.Pipe()
	b.conns = append(b.conns, ours)
	if b.raw != nil {
		go b.raw(len(b.conns), ours)
	} else {
		go b.serve(ours)
	}
	return theirs, nil
}

func (b *fakeBroker) serve(c net.Conn) {
	defer c.Close()
	for {
		p, err := packets.ReadPacket(c)
		if err != nil {
			return
		}
		var answer packets.ControlPacket
		switch p := p.(type) {
		case *packets.ConnectPacket:
			code := byte(0)
			b.note(func() {
				b.wills = append(b.wills, p)
				if b.admit != nil {
					code = b.admit(p)
				}
			})
			if code == 0xff {
				return
			}
			ack := packets.NewControlPacket(packets.Connack).(*packets.ConnackPacket)
			ack.ReturnCode = code
			answer = ack
		case *packets.PublishPacket:
			silent, refuse, late := false, false, time.Duration(0)
			b.note(func() {
				if refuse = b.refuse != nil && b.refuse(p); refuse {
					return
				}
				b.seen = append(b.seen, p)
				late = b.late
				silent = b.silent && p.TopicName == eventTopic || b.mute != nil && b.mute(p)
			})
			if refuse {
				return
			}
			if silent {
				continue
			}
			time.Sleep(late)
			ack := packets.NewControlPacket(packets.Puback).(*packets.PubackPacket)
			ack.MessageID = p.MessageID
			answer = ack
		case *packets.SubscribePacket:
			strict := false
			word := 0
			if b.note(func() {
				b.asked = append(b.asked, len(p.Topics))
				strict = b.strict || b.picky && len(p.Topics) > 1
				word = b.word
			}); strict {
				return
			}
			if word > 0 && len(p.Topics) > 1 {
				m := packets.NewControlPacket(packets.Publish).(*packets.PublishPacket)
				m.TopicName, m.Payload, m.Retain = "homeassistant/status", bytes.Repeat([]byte("x"), word), true
				time.AfterFunc(time.Second, func() { m.Write(c) })
			}
			ack := packets.NewControlPacket(packets.Suback).(*packets.SubackPacket)
			ack.MessageID, ack.ReturnCodes = p.MessageID, bytes.Repeat([]byte{1}, len(p.Topics))
			answer = ack
		case *packets.PingreqPacket:
			answer = packets.NewControlPacket(packets.Pingresp)
		case *packets.DisconnectPacket:
			b.note(func() { b.clean++ })
			return
		}
		if answer != nil && answer.Write(c) != nil {
			return
		}
	}
}

func (b *fakeBroker) note(f func()) { b.mu.Lock(); defer b.mu.Unlock(); f() }

// hangUp closes every connection.
func (b *fakeBroker) hangUp() {
	b.note(func() {
		for _, c := range b.conns {
			c.Close()
		}
	})
}

func (b *fakeBroker) on(topic string) (out []string) {
	b.note(func() {
		for _, p := range b.seen {
			if p.TopicName == topic {
				out = append(out, string(p.Payload))
			}
		}
	})
	return out
}

// faked runs f in a bubble of virtual time with a client on a fake broker.
func faked(t *testing.T, o Options, f func(t *testing.T, b *fakeBroker, c *Client, q *spool.Queue)) {
	synctest.Test(t, func(t *testing.T) {
		b := &fakeBroker{}
		q := mustSpool(t)
		o.Broker = "tcp://127.0.0.1"
		c := mustNew(t, o, q)
		c.dial = b.dial
		f(t, b, c, q)
	})
}

// The broker is away for a day while an event comes every minute: all arrive
// in order when it returns, after fewer than 300 attempts.
func TestRun_dayWithoutBroker(t *testing.T) {
	faked(t, Options{}, func(t *testing.T, b *fakeBroker, c *Client, q *spool.Queue) {
		b.note(func() { b.down = true })
		stop := run(t, c)
		defer stop()
		const n = 24 * 60
		progress := uint64(0)
		for i := range n {
			appendN(t, q, 1)
			time.Sleep(time.Minute)
			if p := c.Stats().Progress; p < progress+30 {
				t.Fatalf("minute %d: progress went from %d to %d", i, progress, p)
			} else {
				progress = p
			}
		}
		dials := 0
		b.note(func() { dials = b.dials; b.down = false })
		if dials > 300 {
			t.Errorf("%d attempts in 24 hours", dials)
		}
		if s := c.Stats(); s.Connects != 0 || s.Errors < 100 || !strings.Contains(s.LastError, "refused") {
			t.Errorf("%+v", s)
		}
		time.Sleep(7 * time.Minute)
		wantNumbers(t, b.on(eventTopic), n)
		if s := c.Stats(); s.Acked != n || s.Resent != 0 || q.Stats().Messages != 0 {
			t.Errorf("%+v, %+v", s, q.Stats())
		}
		t.Logf("%d attempts", dials)
	})
}

// marking counts the messages of a source that are marked as resent.
type marking struct {
	Source
	resent int
}

func (m *marking) Next(ctx context.Context, after uint64) (spool.Entry, error) {
	e, err := m.Source.Next(ctx, after)
	if err == nil && e.Resent {
		m.resent++
	}
	return e, err
}

// A broker that takes events and never acknowledges them: at most 16 under
// way, nothing deleted, the connection given up, everything sent again and
// marked so.
func TestRun_noAcknowledgement(t *testing.T) {
	faked(t, Options{}, func(t *testing.T, b *fakeBroker, c *Client, q *spool.Queue) {
		marked := &marking{Source: q}
		c.source = marked
		b.note(func() { b.silent = true })
		appendN(t, q, 100)
		stop := run(t, c)
		time.Sleep(ackTimeout - time.Second)
		if n := len(b.on(eventTopic)); n != 16 {
			t.Fatalf("%d under way, want 16", n)
		}
		time.Sleep(time.Hour)
		s := c.Stats()
		if q.Stats().Messages != 100 || s.Acked != 0 || s.Connects < 5 {
			t.Fatalf("%+v, %+v", s, q.Stats())
		}
		if got := len(firsts(b.on(eventTopic))); got != defaultWindow {
			t.Fatalf("%d different events sent", got)
		}
		if !strings.Contains(s.LastError, errSlow.Error()) {
			t.Errorf("last error: %s", s.LastError)
		}
		b.note(func() { b.silent = false })
		time.Sleep(10 * time.Minute)
		stop()
		wantNumbers(t, firsts(b.on(eventTopic)), 100)
		if s := c.Stats(); s.Acked != 100 || q.Stats().Messages != 0 || int(s.Resent) != marked.resent || len(b.on(eventTopic)) != 100+marked.resent || marked.resent < 5*defaultWindow {
			t.Fatalf("%+v, %d marked as resent", s, marked.resent)
		}
	})
}

// The connection breaks with events under way: no token of the library may
// pass for an acknowledgement, however the client ends.
func TestRun_falseAcknowledgement(t *testing.T) {
	faked(t, Options{}, func(t *testing.T, b *fakeBroker, c *Client, q *spool.Queue) {
		b.note(func() { b.silent = true })
		appendN(t, q, 5)
		stop := run(t, c)
		for range 20 {
			time.Sleep(10 * time.Second)
			b.hangUp()
		}
		time.Sleep(time.Second) // the client has noticed
		for !c.Connected() {
			time.Sleep(time.Second)
		}
		time.Sleep(2 * time.Second) // the session is open, not just opening
		stop()                      // ends cleanly with events under way
		if s := c.Stats(); s.Acked != 0 || q.Stats().Messages != 5 {
			t.Fatalf("%+v, %+v", s, q.Stats())
		}
		if b.clean == 0 {
			t.Errorf("no clean end: %+v", c.Stats())
		}
	})
}

// Birth, will and offline.
func TestRun_presence(t *testing.T) {
	faked(t, Options{}, func(t *testing.T, b *fakeBroker, c *Client, q *spool.Queue) {
		stop := run(t, c)
		time.Sleep(time.Second)
		var will *packets.ConnectPacket
		var birth *packets.PublishPacket
		b.note(func() { will, birth = b.wills[0], b.seen[0] })
		if !will.WillFlag || !will.WillRetain || will.WillQos != 1 || will.WillTopic != statusTopic ||
			string(will.WillMessage) != "offline" || will.ProtocolVersion != 4 || !will.CleanSession {
			t.Fatalf("CONNECT %v", will)
		}
		if got := b.on(statusTopic); len(got) != 1 || got[0] != "online" || !birth.Retain || birth.Qos != 1 {
			t.Fatalf("birth: %v", got)
		}
		for range 3 { // the old will arrives late, three times at once
			pub := packets.NewControlPacket(packets.Publish).(*packets.PublishPacket)
			pub.TopicName, pub.Payload = statusTopic, []byte("offline")
			b.note(func() {
				if err := pub.Write(b.conns[0]); err != nil {
					t.Error(err)
				}
			})
		}
		time.Sleep(10 * time.Second)
		if got := strings.Join(b.on(statusTopic), " "); got != "online online" && got != "online online online" {
			t.Fatalf("after a late will: %s", got)
		}
		b.note(func() { b.seen = nil })
		stop()
		if got := b.on(statusTopic); len(got) != 1 || got[0] != "offline" || b.clean != 1 {
			t.Fatalf("clean end: %v, %d DISCONNECT", got, b.clean)
		}
	})
}

// A broker that ends the connection when we ask for our own status gets its
// events all the same.
func TestRun_strictBroker(t *testing.T) {
	faked(t, Options{}, func(t *testing.T, b *fakeBroker, c *Client, q *spool.Queue) {
		b.note(func() { b.strict = true })
		appendN(t, q, 3)
		stop := run(t, c)
		time.Sleep(time.Minute)
		stop()
		wantNumbers(t, b.on(eventTopic), 3)
	})
}

// Retained topics: the newest value, once, and again on each connection.
func TestSetRetained(t *testing.T) {
	faked(t, Options{}, func(t *testing.T, b *fakeBroker, c *Client, q *spool.Queue) {
		b.note(func() { b.down = true })
		stop := run(t, c)
		defer stop()
		for _, state := range []string{"learning", "idle", "normal"} {
			c.SetRetained("m/a", []byte(state))
			c.SetRetained("m/b", []byte("blind"))
			time.Sleep(time.Second)
		}
		b.note(func() { b.down = false })
		time.Sleep(10 * time.Minute)
		c.SetRetained("m/a", []byte("anomaly"))
		time.Sleep(time.Second)
		if a, bb := b.on("m/a"), b.on("m/b"); strings.Join(a, " ") != "normal anomaly" || strings.Join(bb, " ") != "blind" {
			t.Fatalf("%v, %v", a, bb)
		}
		b.hangUp()
		time.Sleep(10 * time.Minute)
		if a, bb := b.on("m/a"), b.on("m/b"); strings.Join(a, " ") != "normal anomaly anomaly" || strings.Join(bb, " ") != "blind blind" {
			t.Fatalf("after a new connection: %v, %v", a, bb)
		}
		b.note(func() {
			for _, p := range b.seen {
				if strings.HasPrefix(p.TopicName, "m/") && (!p.Retain || p.Qos != 1) {
					t.Errorf("%v", p)
				}
			}
		})
	})
}

// What a broker that is not one can send. Each connection gets another.
func TestRun_hostileBroker(t *testing.T) {
	connack := []byte{0x20, 2, 0, 0}
	attacks := [][]byte{
		{0x30, 0xff, 0xff, 0xff, 0x7f},                         // 255 MiB follow
		append(connack[:4:4], 0x30, 0xff, 0xff, 0xff, 0x7f),    // the same, later
		append(connack[:4:4], 0x90, 8, 0, 2, 1, 1, 1, 1, 1, 1), // SUBACK with six answers
		append(connack[:4:4], 0x40, 2, 7, 7, 0x40, 2, 9, 9),    // PUBACKs of nothing
		append(connack[:4:4], 0xb0, 2, 0, 1),                   // UNSUBACK with a message's number
		append(connack[:4:4], 0x20, 2, 0, 0),                   // CONNACK again
		append(connack[:4:4], 0x36, 4, 0, 1, 'x', 0),           // QoS 3
		append(connack[:4:4], 0x30, 2, 0xff, 0xff),             // topic longer than the packet
		append(connack[:4:4], 0x00, 0),
		{0x20, 2, 0}, // half a CONNACK
		{0x20, 2, 0, 5},
		{},
		[]byte("HTTP/1.1 400 Bad Request\r\n\r\n"),
	}
	synctest.Test(t, func(t *testing.T) {
		b := &fakeBroker{}
		q := mustSpool(t)
		c := mustNew(t, Options{Broker: "tcp://127.0.0.1"}, q)
		c.wait = 4 * time.Millisecond // no waiting: 2000 connections
		c.dial = b.dial
		const n = 2000
		b.raw = func(n int, conn net.Conn) {
			defer conn.Close()
			go func() { // swallow
				buf := make([]byte, 512)
				for {
					if _, err := conn.Read(buf); err != nil {
						return
					}
				}
			}()
			conn.Write(attacks[n%len(attacks)])
		}
		appendN(t, q, 20)
		stop := run(t, c)
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		for c.Stats().Errors < n {
			time.Sleep(time.Second)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 8<<20 {
			t.Errorf("heap grew by %d bytes", grown)
		}
		if total := int64(after.TotalAlloc - before.TotalAlloc); total > n*200<<10 {
			t.Errorf("%d bytes allocated for %d connections", total, n)
		}
		if q.Stats().Messages != 20 || c.Stats().Acked != 0 {
			t.Errorf("%+v: the broker never took an event", c.Stats())
		}
		b.note(func() { b.raw = nil })
		time.Sleep(time.Minute)
		stop()
		wantNumbers(t, firsts(b.on(eventTopic)), 20)
	})
}

// A broker that ends each connection after a second, a thousand times: every
// event arrives and nothing is left running (the bubble would not end).
func TestRun_flappingBroker(t *testing.T) {
	faked(t, Options{}, func(t *testing.T, b *fakeBroker, c *Client, q *spool.Queue) {
		c.wait = time.Second
		stop := run(t, c)
		for range 1000 {
			appendN(t, q, 1)
			time.Sleep(time.Second)
			b.hangUp()
			b.note(func() { b.conns = nil })
		}
		time.Sleep(10 * time.Second)
		if n := runtime.NumGoroutine(); n > 60 {
			t.Errorf("%d goroutines", n)
		}
		stop()
		wantNumbers(t, firsts(b.on(eventTopic)), 1000)
		s := c.Stats()
		if s.Connects < 300 || s.Disconnects != s.Connects || s.Acked != 1000 {
			t.Errorf("%+v", s)
		}
	})
}

package mqttsub

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"iot-edge-anomaly/drivers/driverstest"
)

// fakeBroker speaks MQTT by another implementation of it, on one end of a pipe. It
// sends its messages after each subscription, retained.
type fakeBroker struct {
	mu       sync.Mutex
	fail     error             // of the next connections
	messages map[string]string // by topic
	code     byte              // of CONNACK
	refuse   string            // a topic
	conns    []net.Conn        // the broker's ends
	seen     []packets.ControlPacket
	clean    int // DISCONNECT received
}

func (b *fakeBroker) open(context.Context) (net.Conn, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fail != nil {
		return nil, b.fail
	}
	ours, theirs := net.Pipe()
	b.conns = append(b.conns, ours)
	go b.serve(ours)
	return theirs, nil
}

func (b *fakeBroker) serve(c net.Conn) {
	defer c.Close()
	for {
		p, err := packets.ReadPacket(c)
		if err != nil {
			return
		}
		b.mu.Lock()
		b.seen = append(b.seen, p)
		var out bytes.Buffer
		switch p := p.(type) {
		case *packets.ConnectPacket:
			ack := packets.NewControlPacket(packets.Connack).(*packets.ConnackPacket)
			ack.ReturnCode = b.code
			ack.Write(&out)
		case *packets.SubscribePacket:
			ack := packets.NewControlPacket(packets.Suback).(*packets.SubackPacket)
			ack.MessageID = p.MessageID
			for _, t := range p.Topics {
				code := byte(0)
				if t == b.refuse {
					code = 0x80
				} else if m, has := b.messages[t]; has {
					publish(&out, t, m, true)
				}
				ack.ReturnCodes = append(ack.ReturnCodes, code)
			}
			ack.Write(&out)
		case *packets.PingreqPacket:
			packets.NewControlPacket(packets.Pingresp).Write(&out)
		case *packets.DisconnectPacket:
			b.clean++
		}
		b.mu.Unlock()
		if _, err := c.Write(out.Bytes()); err != nil {
			return
		}
	}
}

func publish(w *bytes.Buffer, topic, payload string, retain bool) {
	p := packets.NewControlPacket(packets.Publish).(*packets.PublishPacket)
	p.TopicName, p.Payload, p.Retain = topic, []byte(payload), retain
	p.Write(w)
}

// send sends a message, or bytes that are none, on the newest connection.
func (b *fakeBroker) send(t testing.TB, raw []byte) {
	t.Helper()
	b.mu.Lock()
	c := b.conns[len(b.conns)-1]
	b.mu.Unlock()
	if _, err := c.Write(raw); err != nil {
		t.Fatal(err)
	}
}

func message(topic, payload string, retain bool) []byte {
	var out bytes.Buffer
	publish(&out, topic, payload, retain)
	return out.Bytes()
}

// set changes the broker, and cuts its connections where cut is set.
func (b *fakeBroker) set(cut bool, change func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change()
	if cut {
		for _, c := range b.conns {
			c.Close()
		}
	}
}

// run runs a subscriber until the returned function is called, or the test ends.
func run(t testing.TB, s *Subscriber) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { s.Run(ctx) })
	stop = func() { cancel(); wg.Wait() }
	t.Cleanup(stop)
	return stop
}

func mustNew(t testing.TB, s *Subscriber, channels ...Channel) *Sensor {
	t.Helper()
	for i := range channels {
		if channels[i].MaxAge == 0 {
			channels[i].MaxAge = time.Minute
		}
	}
	sensor, err := New(s, channels)
	if err != nil {
		t.Fatal(err)
	}
	return sensor
}

func path(t testing.TB, text string) *Path {
	t.Helper()
	p, err := ParsePath(text)
	if err != nil {
		t.Fatal(err)
	}
	return &p
}

// mosquitto starts a real broker, on a loopback address of this process alone.
func mosquitto(t *testing.T, lines string) (addr string) {
	t.Helper()
	if testing.Short() {
		t.Skip("needs mosquitto; left out with -short")
	}
	binary, err := exec.LookPath("mosquitto")
	if err != nil {
		if binary, err = exec.LookPath("/usr/sbin/mosquitto"); err != nil {
			t.Fatal("mosquitto is missing: apt install mosquitto")
		}
	}
	dir, err := os.MkdirTemp("", "mqttsub") // readable by the user mosquitto
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	addr = driverstest.FreeAddr(t)
	host, port, _ := net.SplitHostPort(addr)
	conf := filepath.Join(dir, "mosquitto.conf")
	if err := os.WriteFile(conf, fmt.Appendf(nil, "listener %s %s\nallow_anonymous true\n%s", port, host, lines), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, "-c", conf)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	for range 500 {
		if c, err := net.Dial("tcp", addr); err == nil {
			c.Close()
			return addr
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("mosquitto does not listen on %s", addr)
	return ""
}

// mosquittoPub publishes a message by mosquitto's own client.
func mosquittoPub(t *testing.T, addr string, args ...string) {
	t.Helper()
	host, port, _ := net.SplitHostPort(addr)
	out, err := exec.Command("mosquitto_pub", append([]string{"-h", host, "-p", port}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("mosquitto_pub: %v\n%s", err, out)
	}
}

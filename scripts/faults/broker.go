package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"iot-edge-anomaly/scripts/child"
)

// broker is a broker that keeps its sessions over a restart, and a subscriber that
// hears everything below plant/.
type broker struct {
	make   string
	addr   string // host:port
	log    string
	args   []string
	helper []string // a program that it needs beside it
	server *child.Process
	aide   *child.Process
	client *child.Process
	in     *place // nil = where this program is
	heard
}

// startBroker starts a broker of the trial's make on a free port, with further lines of
// its configuration, and the subscriber.
func (t *trial) startBroker(further string) (*broker, error) {
	addr, err := child.FreeAddr()
	if err != nil {
		return nil, err
	}
	return t.startBrokerIn(nil, addr, further)
}

// startBrokerIn starts it in a place, on an address of its loopback.
func (t *trial) startBrokerIn(p *place, addr, further string) (*broker, error) {
	b := &broker{in: p, make: or(t.broker, "mosquitto"), addr: addr, heard: heard{retained: map[string]string{}}}
	dir := filepath.Join(t.dir, "broker")
	b.log = dir + ".log"
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	configure := map[string]func(*broker, string, string) error{"mosquitto": mosquitto, "NATS": nats, "RabbitMQ": rabbit}[b.make]
	if configure == nil {
		return nil, fmt.Errorf("no such make of broker: %s", b.make)
	}
	err := configure(b, dir, further)
	if err == nil {
		b.args, err = b.enter(b.args)
	}
	if err != nil {
		return nil, err
	}
	t.later(func() {
		b.client.End(syscall.SIGKILL)
		b.server.End(syscall.SIGKILL)
		b.aide.End(syscall.SIGKILL)
	})
	if err := b.start(); err != nil {
		return nil, err
	}
	// The session is there before anything is published: RabbitMQ passes on nothing
	// retained to a filter with a wildcard.
	once, err := b.subscriber("faults", "-E")
	if err != nil {
		return nil, err
	}
	if b.client, err = child.Start(&b.heard, once...); err != nil {
		return nil, err
	}
	if err := await(time.Minute, "a subscription", func() bool { return !b.client.Running() }); err != nil {
		return nil, err
	}
	return b, b.listen()
}

// subscriber is a command that hears what is below plant/, in a session of its own that
// the broker keeps; with more arguments of mosquitto_sub.
func (b *broker) subscriber(id string, more ...string) ([]string, error) {
	sub, err := need("mosquitto_sub", "mosquitto-clients")
	host, port, _ := net.SplitHostPort(b.addr)
	if err != nil {
		return nil, err
	}
	return b.enter(append([]string{sub, "-h", host, "-p", port, "-q", "1", "-v", "-c", "-i", id, "-t", "plant/#"}, more...))
}

// enter makes a command run where the broker is.
func (b *broker) enter(args []string) ([]string, error) {
	if b.in == nil {
		return args, nil
	}
	enter, err := b.in.wrap()
	return append(enter, args...), err
}

// answers tells whether somebody listens.
func (b *broker) answers() bool {
	dial := net.Dial
	if b.in != nil {
		dial = func(network, addr string) (net.Conn, error) { return b.in.dial(context.Background(), network, addr) }
	}
	c, err := dial("tcp", b.addr)
	if err == nil {
		c.Close()
	}
	return err == nil
}

// listen starts the subscriber.
func (b *broker) listen() error {
	args, err := b.subscriber("faults")
	if err == nil {
		b.client, err = child.Start(&b.heard, args...)
	}
	return err
}

// start starts the broker, also after stop and kill.
func (b *broker) start() (err error) {
	log, err := os.OpenFile(b.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	if b.helper != nil && !b.aide.Running() {
		if b.aide, err = child.Start(log, b.helper...); err != nil {
			return err
		}
	}
	if b.server, err = child.Start(log, b.args...); err != nil {
		return err
	}
	err = await(2*time.Minute, b.make+" listens", func() bool { return b.answers() || !b.server.Running() })
	if err == nil && !b.server.Running() {
		err = fmt.Errorf("%s ended: %v: %s", b.make, b.server.Err(), b.lastLine())
	}
	return err
}

// stop ends the broker, which saves its sessions.
func (b *broker) stop() { b.server.End(syscall.SIGTERM) }

// kill ends it without a chance to save anything.
func (b *broker) kill() { b.server.End(syscall.SIGKILL) }

// lastLine is the end of the broker's log.
func (b *broker) lastLine() string {
	text, _ := os.ReadFile(b.log)
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return lines[len(lines)-1]
}

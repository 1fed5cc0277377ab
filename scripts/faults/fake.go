package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
)

// fakeBroker is a broker that does what no good broker does. Safe for concurrent use.
type fakeBroker struct {
	deny string // closes the connection on a message whose topic contains it
	mute bool   // acknowledges no event

	addr     string
	mu       sync.Mutex
	topics   []string
	inFlight int // the most messages of one connection without an acknowledgement
}

// startFake starts a broker with these habits on a free port.
func (t *trial) startFake(deny string, mute bool) (*fakeBroker, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	b := &fakeBroker{deny: deny, mute: mute, addr: l.Addr().String()}
	t.later(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go b.serve(c)
		}
	}()
	return b, nil
}

// published counts the messages with a topic that ends so.
func (b *fakeBroker) published(suffix string) (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, topic := range b.topics {
		if strings.HasSuffix(topic, suffix) {
			n++
		}
	}
	return n
}

// window is the most events that were in flight on one connection.
func (b *fakeBroker) window() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.inFlight
}

// serve answers one connection until it ends or is closed here.
func (b *fakeBroker) serve(c net.Conn) {
	defer c.Close()
	r := bufio.NewReader(c)
	flying := map[uint16]bool{}
	for {
		first, body, err := packet(r)
		if err != nil {
			return
		}
		switch first >> 4 {
		case 1:
			c.Write([]byte{0x20, 2, 0, 0})
		case 3:
			topic, id, err := publish(first, body)
			if err != nil || b.deny != "" && strings.Contains(topic, b.deny) {
				return
			}
			b.mu.Lock()
			b.topics = append(b.topics, topic)
			silent := b.mute && strings.HasSuffix(topic, "/event")
			if silent {
				flying[id] = true
				b.inFlight = max(b.inFlight, len(flying))
			}
			b.mu.Unlock()
			if !silent && first&6 != 0 {
				c.Write(binary.BigEndian.AppendUint16([]byte{0x40, 2}, id))
			}
		case 8:
			c.Write([]byte{0x90, 3, body[0], body[1], 1})
		case 12:
			c.Write([]byte{0xd0, 0})
		case 14:
			return
		}
	}
}

var errPacket = errors.New("not MQTT")

// packet reads one packet: its first byte and its body.
func packet(r *bufio.Reader) (first byte, body []byte, err error) {
	if first, err = r.ReadByte(); err != nil {
		return 0, nil, err
	}
	n, err := binary.ReadUvarint(r) // MQTT's remaining length is coded alike
	if err != nil || n > 1<<28 {
		return 0, nil, errPacket
	}
	body = make([]byte, n)
	_, err = io.ReadFull(r, body)
	return first, body, err
}

// publish takes a PUBLISH apart.
func publish(first byte, body []byte) (topic string, id uint16, err error) {
	if len(body) < 2 {
		return "", 0, errPacket
	}
	n := int(binary.BigEndian.Uint16(body)) + 2
	if len(body) < n+2 {
		return "", 0, errPacket
	}
	if first&6 != 0 {
		id = binary.BigEndian.Uint16(body[n:])
	}
	return string(body[2:n]), id, nil
}

// wire carries connections to a broker, and can be cut.
type wire struct {
	addr string
	mu   sync.Mutex
	ends []net.Conn
}

func (t *trial) startWire(to string) (*wire, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	w := &wire{addr: l.Addr().String()}
	t.later(func() {
		l.Close()
		w.cut()
	})
	go func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", to)
			if err != nil {
				near.Close()
				continue
			}
			w.mu.Lock()
			w.ends = append(w.ends, near, far)
			w.mu.Unlock()
			go copyAll(near, far)
			go copyAll(far, near)
		}
	}()
	return w, nil
}

func copyAll(to, from net.Conn) {
	io.Copy(to, from)
	to.Close()
}

// cut ends the connections that it carries; the next are carried again.
func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.ends {
		c.(*net.TCPConn).SetLinger(0)
		c.Close()
	}
	w.ends = nil
}

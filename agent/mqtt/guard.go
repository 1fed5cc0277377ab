package mqtt

import (
	"errors"
	"fmt"
	"net"
	"sync"
)

// maxPacket is the longest packet accepted from a broker. Nothing but our own
// status comes back to us.
const maxPacket = 64 << 10

var errProtocol = errors.New("broker broke the protocol")

// guard is a connection that reads the fixed headers of what the broker sends
// and ends it, before the bytes are handed on, on anything unexpected. It
// remembers the first error, which says more than what the library makes of
// it.
type guard struct {
	net.Conn
	lost func(error) // told the first error; nil = nobody

	header  bool // the first byte of a fixed header was read
	first   byte
	shift   uint // of the next length byte
	length  uint32
	body    uint32 // bytes of the packet still to come
	connack bool
	suback  bool

	mu  sync.Mutex
	err error
}

// Read is called by one goroutine at a time.
func (g *guard) Read(p []byte) (int, error) {
	n, err := g.Conn.Read(p)
	if bad := g.inspect(p[:n]); bad != nil {
		g.note(bad)
		g.Conn.Close()
		return 0, bad
	}
	return n, g.note(err)
}

func (g *guard) Write(p []byte) (int, error) {
	n, err := g.Conn.Write(p)
	return n, g.note(err)
}

// note remembers the first error and passes it on: the library keeps quiet
// about a connection that ends in some ways.
func (g *guard) note(err error) error {
	if err == nil {
		return nil
	}
	g.mu.Lock()
	first := g.err == nil
	if first {
		g.err = err
	}
	g.mu.Unlock()
	if first && g.lost != nil {
		g.lost(err)
	}
	return err
}

// cause returns the first error of the connection, or other.
func (g *guard) cause(other error) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.err != nil {
		return g.err
	}
	return other
}

// inspect follows the stream through b.
func (g *guard) inspect(b []byte) error {
	for len(b) > 0 {
		if g.body > 0 {
			n := min(uint32(len(b)), g.body)
			g.body -= n
			b = b[n:]
			continue
		}
		c := b[0]
		b = b[1:]
		if !g.header {
			g.header, g.first, g.shift, g.length = true, c, 0, 0
			continue
		}
		g.length |= uint32(c&0x7f) << g.shift
		g.shift += 7
		if g.length > maxPacket || g.shift > 21 && c&0x80 != 0 { // [MQTT-2.2.3]
			return fmt.Errorf("%w: packet longer than %d bytes", errProtocol, maxPacket)
		}
		if c&0x80 != 0 {
			continue
		}
		if err := g.admit(); err != nil {
			return err
		}
		g.header, g.body = false, g.length
	}
	return nil
}

// admit judges a complete fixed header.
func (g *guard) admit() error {
	ok := false
	switch g.first {
	case 0x20: // CONNACK, once [MQTT-3.2.0-1]
		ok = g.length == 2 && !g.connack
		g.connack = true
	case 0x40: // PUBACK
		ok = g.length == 2
	case 0x90: // SUBACK to our only subscription, which has one topic
		ok = g.length == 3 && !g.suback
		g.suback = true
	case 0xD0: // PINGRESP
		ok = g.length == 0
	case 0x30, 0x31, 0x32, 0x33, 0x3a, 0x3b: // PUBLISH, QoS 0 or 1
		ok = g.length >= 2
	}
	if !ok {
		return fmt.Errorf("%w: packet 0x%02x of %d bytes", errProtocol, g.first, g.length)
	}
	return nil
}

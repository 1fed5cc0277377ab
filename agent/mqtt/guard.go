package mqtt

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
)

// maxPacket is the longest packet accepted from a broker: the messages that the agent
// receives are short.
const maxPacket = 64 << 10

var (
	errProtocol = errors.New("broker violated the protocol")
	errTooLong  = fmt.Errorf("%w: packet too long", errProtocol)
	// errSaidBye: only MQTT 5 knows it from a broker, but some send it to all.
	errSaidBye = fmt.Errorf("broker sent DISCONNECT: %w", io.EOF)
)

// guard is a connection that checks the fixed header of each packet from the
// broker. It closes the connection on anything unexpected, before the library
// sees the packet. It keeps the first error, which says more than the error
// that the library derives from it.
type guard struct {
	net.Conn
	lost func(error) // called with the first error; nil = not called
	most uint32      // bytes of a packet; 0 = maxPacket

	header  bool // inside a fixed header
	first   byte // of that header
	shift   uint // of the next length byte, in bits
	length  uint32
	body    uint32 // bytes of the packet still to come
	connack bool
	suback  bool
	more    atomic.Uint32 // topics of our subscription beyond the first

	socket syscall.RawConn // of the connection; nil = not known

	publishes atomic.Bool // a message may have been sent; no PUBACK may come before

	mu  sync.Mutex
	err error
}

// Read must be called by one goroutine at a time.
func (g *guard) Read(p []byte) (int, error) {
	n, err := g.Conn.Read(p)
	g.acknowledge()
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

// guarded returns conn under a guard.
func guarded(conn net.Conn) *guard {
	g := &guard{Conn: conn}
	if over, ok := conn.(interface{ NetConn() net.Conn }); ok { // TLS
		conn = over.NetConn()
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		g.socket, _ = tcp.SyscallConn()
	}
	return g
}

// acknowledge lets the kernel acknowledge at once what was read. A broker that
// collects small packets (RFC 1122, 4.2.3.4), as mosquitto does by default, holds the
// second PUBACK back until the segment with the first is acknowledged, and the kernel
// delays that by 40 ms. Linux forgets the option by itself, tcp(7).
func (g *guard) acknowledge() {
	if g.socket != nil {
		g.socket.Control(func(fd uintptr) { syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_QUICKACK, 1) })
	}
}

// note keeps the first error and calls lost with it: the library does not
// report every way in which a connection ends.
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

// inspect parses the fixed headers in b, which continues the stream.
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
		most := cmp.Or(g.most, maxPacket)
		if g.length > most || g.shift > 21 && c&0x80 != 0 { // [MQTT-2.2.3]
			return fmt.Errorf("%w: more than %d bytes", errTooLong, most)
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

// admit checks a complete fixed header against what a broker may send us.
func (g *guard) admit() error {
	ok := false
	switch g.first {
	case 0xE0:
		return errSaidBye
	case 0x20: // CONNACK, once [MQTT-3.2.0-1]
		ok = g.length == 2 && !g.connack
		g.connack = true
	case 0x40: // PUBACK
		ok = g.length == 2 && g.publishes.Load()
	case 0x90: // SUBACK to our only subscription, with a result for each topic
		ok = g.length == 3+g.more.Load() && !g.suback
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

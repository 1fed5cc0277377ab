package mqtt

import (
	"io"
	"net"
	"testing"
	"time"
)

// TestGuard_acknowledgesAtOnce: a broker with Nagle's algorithm answers two messages by
// two small packets. The second must not wait for a delayed acknowledgement of 40 ms.
func TestGuard_acknowledgesAtOnce(t *testing.T) {
	held := func(wrap func(net.Conn) net.Conn) (held, rounds int) {
		client, broker := tcpPair(t)
		broker.(*net.TCPConn).SetNoDelay(false)
		go func() {
			for b := make([]byte, 2); ; {
				if _, err := io.ReadFull(broker, b); err != nil {
					return
				}
				for range b {
					broker.Write([]byte{0x40, 2, 0, 1})
				}
			}
		}()
		conn := wrap(client)
		answer := make([]byte, 8)
		for ; rounds < 60; rounds++ {
			begun := time.Now()
			if _, err := conn.Write([]byte{1, 2}); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(conn, answer); err != nil {
				t.Fatal(err)
			}
			if time.Since(begun) > 30*time.Millisecond {
				held++
			}
		}
		return held, rounds
	}
	bare, rounds := held(func(c net.Conn) net.Conn { return c })
	ours, _ := held(func(c net.Conn) net.Conn {
		g := guarded(c)
		g.publishes.Store(true)
		return g
	})
	t.Logf("%d of %d rounds were held back, %d without the guard", ours, rounds, bare)
	if ours > rounds/2 {
		t.Errorf("%d of %d rounds were held back", ours, rounds)
	}
}

// tcpPair returns both ends of a connection over loopback.
func tcpPair(t *testing.T) (client, server net.Conn) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err = net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	server, err = l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(); server.Close() })
	return client, server
}

package driverstest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"sync/atomic"
	"testing"
)

// Ports that FreeAddr gives are below those that Linux takes for outgoing connections
// and for port 0 (ip_local_port_range).
const (
	firstPort = 10_000
	ports     = 22_000
)

// lastPort counts the ports that FreeAddr tried.
var lastPort atomic.Uint32

func init() { lastPort.Store(rand.Uint32N(ports)) }

// OwnHost is a loopback address of this process alone: on 127.0.0.1 a port that nobody
// listens on may become the near end of anybody's connection.
func OwnHost() net.IP {
	pid := os.Getpid()
	return net.IPv4(127, byte(64|pid>>16&63), byte(pid>>8), byte(pid))
}

// FreeAddr is a TCP address of OwnHost to listen on, now or later, and again after its
// server was away. No other call and no listener on port 0 gets the same port. It is
// safe for concurrent use.
func FreeAddr(t testing.TB) string {
	t.Helper()
	host := OwnHost()
	var err error
	for range 100 {
		addr := fmt.Sprintf("%v:%d", host, firstPort+lastPort.Add(1)%ports)
		var l net.Listener
		if l, err = net.Listen("tcp", addr); err == nil {
			l.Close()
			return addr
		}
	}
	t.Fatalf("no free address on %v: %v", host, err)
	return ""
}

package child

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync/atomic"
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

// FreeAddr is an address of 127.0.0.1 to listen on that stays free while its server is
// away. It is safe for concurrent use.
func FreeAddr() (string, error) {
	var err error
	for range 1000 {
		addr := fmt.Sprintf("127.0.0.1:%d", firstPort+lastPort.Add(1)%ports)
		var l net.Listener
		if l, err = net.Listen("tcp", addr); err == nil {
			return addr, l.Close()
		}
	}
	return "", fmt.Errorf("no free port: %w", err)
}

//go:build demo

package demo

import (
	"fmt"
	"log/slog"
	"sync"

	broker "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"
)

// anyone lets every client in. The broker can be reached from this host only.
type anyone struct{ broker.HookBase }

func (*anyone) ID() string { return "anyone" }

func (*anyone) Provides(b byte) bool {
	return b == broker.OnConnectAuthenticate || b == broker.OnACLCheck
}

func (*anyone) OnConnectAuthenticate(*broker.Client, packets.Packet) bool { return true }

func (*anyone) OnACLCheck(*broker.Client, string, bool) bool { return true }

// StartBroker starts an MQTT broker on the loopback address addr
// ("127.0.0.1:1883"), or on the next free port above. Every program on this host may
// connect; nothing is kept on disk. stop ends it and may be called again.
//
// It is for the demonstration only: a truncated SUBSCRIBE crashes it
// (mochi-mqtt/server#501).
func StartBroker(addr string) (url string, stop func(), err error) {
	l, err := listenFrom(addr)
	if err != nil {
		return "", nil, fmt.Errorf("starting broker: %w", err)
	}
	server := broker.New(&broker.Options{Logger: slog.New(slog.DiscardHandler)})
	if err := server.AddHook(&anyone{}, nil); err != nil {
		l.Close()
		return "", nil, fmt.Errorf("starting broker: %w", err)
	}
	if err := server.AddListener(listeners.NewNet("demo", l)); err != nil {
		l.Close()
		return "", nil, fmt.Errorf("starting broker: %w", err)
	}
	if err := server.Serve(); err != nil {
		l.Close()
		return "", nil, fmt.Errorf("starting broker: %w", err)
	}
	return "tcp://" + l.Addr().String(), sync.OnceFunc(func() { server.Close() }), nil
}

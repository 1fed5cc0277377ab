// Package proxy stands in for golang.org/x/net/proxy, which the MQTT library imports and
// the agent cannot reach: it opens its connections itself. See
// tools/leftout/websocket for what that saves. No variable of the environment leads the
// connection to the broker elsewhere.
package proxy

import "net"

// Dialer opens connections.
type Dialer interface {
	Dial(network, addr string) (net.Conn, error)
}

// FromEnvironment returns a dialer that asks no proxy.
func FromEnvironment() Dialer { return new(net.Dialer) }

// FromEnvironmentUsing returns d.
func FromEnvironmentUsing(d Dialer) Dialer { return d }

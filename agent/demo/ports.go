package demo

import (
	"fmt"
	"net"
	"strconv"
)

// portsTried is how many ports are tried before giving up.
const portsTried = 50

// FreeAddr returns addr ("127.0.0.1:8080"), or the same host with the next higher port
// on which nobody listens.
func FreeAddr(addr string) (string, error) {
	l, err := listenFrom(addr)
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// listenFrom listens on addr or on the next free port above it.
func listenFrom(addr string) (net.Listener, error) {
	host, text, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("address %q: %w", addr, err)
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return nil, fmt.Errorf("address %q: want a loopback address, everybody may connect", addr)
	}
	first, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("address %q: port is not 0 to 65535", addr)
	}
	for port := int(first); port < int(first)+portsTried && port <= 65535; port++ {
		var l net.Listener
		if l, err = net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port))); err == nil {
			return l, nil
		}
	}
	return nil, fmt.Errorf("address %q: no free port from there on: %w", addr, err)
}

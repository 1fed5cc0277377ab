package main

import (
	"fmt"
	"net"
	"time"

	"iot-edge-anomaly/scripts/child"
)

// need finds a program of a Debian package.
func need(name, pkg string) (string, error) {
	path, err := child.Find(name, pkg)
	if err != nil {
		err = fmt.Errorf("%w: %w", errCannot, err)
	}
	return path, err
}

// freeAddr is an address on loopback where nobody listens.
func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// await waits until a condition holds.
func await(limit time.Duration, what string, holds func() bool) error {
	for end := time.Now().Add(limit); ; time.Sleep(20 * time.Millisecond) {
		if holds() {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("not within %v: %s", limit, what)
		}
	}
}

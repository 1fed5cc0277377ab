package main

import (
	"fmt"
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

package main

import (
	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/devices"
)

// loadConfig reads a configuration for the drivers of this binary. An error is a
// config.Refusal.
func loadConfig(path string) (*config.Config, error) {
	c, err := config.Load(path, devices.Infos())
	if err != nil {
		return nil, config.Refuse(err)
	}
	return c, nil
}

// configuredMachine is the machine of this name in the configuration at path, or the
// only one if name is empty. It is nil if path is empty.
func configuredMachine(path, name string) (*config.Machine, error) {
	if path == "" {
		return nil, nil
	}
	c, err := loadConfig(path)
	if err != nil {
		return nil, err
	}
	m, err := c.Machine(name)
	if err != nil {
		return nil, usagef("%w", err)
	}
	return &m, nil
}

package main

import (
	"errors"
	"fmt"
	"strings"

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
	m, err := pickMachine(c, name)
	if err != nil {
		return nil, usagef("%w", err)
	}
	return &m, nil
}

func pickMachine(c *config.Config, name string) (config.Machine, error) {
	if name == "" && len(c.Machines) == 1 {
		return c.Machines[0], nil
	}
	var have []string
	for _, m := range c.Machines {
		if m.Name == name {
			return m, nil
		}
		have = append(have, m.Name)
	}
	if name == "" {
		return config.Machine{}, errors.New("--machine is needed, one of " + strings.Join(have, ", "))
	}
	return config.Machine{}, fmt.Errorf("--machine %s: unknown, want one of %s", name, strings.Join(have, ", "))
}

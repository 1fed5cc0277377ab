package config

import (
	"errors"
	"fmt"
	"strings"
)

// Machine is the machine of this name, or the only one if name is empty. An error is
// about the flag --machine.
func (c *Config) Machine(name string) (Machine, error) {
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
		return Machine{}, errors.New("--machine is needed, one of " + strings.Join(have, ", "))
	}
	return Machine{}, fmt.Errorf("--machine %s: unknown, want one of %s", name, strings.Join(have, ", "))
}

// Latching is the machine of this name, or every one that latches. An error is about
// the flag --machine.
func (c *Config) Latching(name string) (out []string, err error) {
	for _, m := range c.Machines {
		if name != "" && m.Name != name {
			continue
		}
		if m.Detect.Latch {
			out = append(out, m.Name)
		} else if name != "" {
			return nil, fmt.Errorf("machine %s does not latch: detect.latch is not true", name)
		}
	}
	switch {
	case len(out) > 0:
		return out, nil
	case name != "":
		return nil, fmt.Errorf("--machine %s: unknown", name)
	}
	return nil, errors.New("no machine latches: none has detect.latch: true")
}

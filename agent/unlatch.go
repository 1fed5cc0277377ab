package main

import (
	"context"
	"fmt"
	"strings"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/control"
)

func unlatchVerb(ctx context.Context, e env, args []string) error {
	fs := flags("unlatch")
	path := configFlag(fs)
	machine := fs.String("machine", "", "machine of the configuration (default: every one that latches)")
	if err := parse(e, fs, args, 0); err != nil {
		return err
	}
	c, err := loadConfig(*path)
	if err != nil {
		return err
	}
	asked, err := latching(c, *machine)
	if err != nil {
		return err
	}
	names := strings.Join(asked, ", ")
	if err := control.Post(ctx, c.Control.Socket, "unlatch", control.Unlatch{Machines: asked}, &control.Unlatch{}); err != nil {
		return fmt.Errorf("%s: %w", names, err)
	}
	_, err = fmt.Fprintf(e.stdout, "%s: unlatched; what is over is closed with the next row\n", names)
	return err
}

// latching is the machine of this name, or every one that latches.
func latching(c *config.Config, name string) (out []string, err error) {
	for _, m := range c.Machines {
		if name != "" && m.Name != name {
			continue
		}
		if m.Detect.Latch {
			out = append(out, m.Name)
		} else if name != "" {
			return nil, usagef("machine %s does not latch: detect.latch is not true", name)
		}
	}
	switch {
	case len(out) > 0:
		return out, nil
	case name != "":
		return nil, usagef("--machine %s: unknown", name)
	}
	return nil, usagef("no machine latches: none has detect.latch: true")
}

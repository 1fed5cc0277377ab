package main

import (
	"context"
	"fmt"
	"strings"

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
	asked, err := c.Latching(*machine)
	if err != nil {
		return usagef("%w", err)
	}
	names := strings.Join(asked, ", ")
	if err := control.Post(ctx, c.Control.Socket, "unlatch", control.Unlatch{Machines: asked}, &control.Unlatch{}); err != nil {
		return fmt.Errorf("%s: %w", names, err)
	}
	_, err = fmt.Fprintf(e.stdout, "%s: unlatched; what is over is closed with the next row\n", names)
	return err
}

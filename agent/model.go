package main

import (
	"context"
	"errors"

	"iot-edge-anomaly/agent/models"
)

func modelVerb(ctx context.Context, e env, args []string) error {
	fs := flags("model")
	c := models.Command{Config: configFlag(fs), Load: loadConfig, Out: e.stdout}
	c.Flags(fs)
	if err := parseRange(e, fs, args, 1, 2); err != nil {
		return err
	}
	err := c.Run(ctx, fs.Args())
	if errors.As(err, &models.Usage{}) {
		return usagef("%w", err)
	}
	return err
}

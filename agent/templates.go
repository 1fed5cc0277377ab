package main

import (
	"context"
	"errors"

	"iot-edge-anomaly/agent/commission"
)

func templatesVerb(_ context.Context, e env, args []string) error {
	fs := flags("templates")
	asJSON := fs.Bool("json", false, "print JSON")
	if err := parseRange(e, fs, args, 0, 1); err != nil {
		return err
	}
	err := commission.Templates(e.stdout, fs.Arg(0), *asJSON)
	if errors.Is(err, commission.ErrNoTemplate) {
		return usagef("%w", err)
	}
	return err
}

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"iot-edge-anomaly/agent/offline"
)

var benchTarget = offline.DefaultTarget // a variable for tests

func benchVerb(ctx context.Context, e env, args []string) error {
	fs := flags("bench")
	path := fs.String("config", "", "configuration `FILE`: its machines' models are timed too (default: "+defaultConfig+" where it is)")
	spell := fs.Duration("time", 200*time.Millisecond, "how long to measure each figure")
	asJSON := fs.Bool("json", false, "print a JSON array")
	if err := parse(e, fs, args, 0); err != nil {
		return err
	}
	if *spell <= 0 || *spell > time.Minute {
		return usagef("--time %v: want more than 0, at most 1m", *spell)
	}
	models, err := benchModels(e, *path)
	if err != nil {
		return err
	}
	timings, err := offline.Bench(ctx, models, *spell, benchTarget)
	if err != nil {
		return err
	}
	show := timings.Print
	if *asJSON {
		show = timings.JSON
	}
	return errors.Join(show(e.stdout), timings.Missed())
}

// benchModels are the models of the configuration at path. Without a path they are
// those of the gateway's own configuration, which may be absent or unreadable.
func benchModels(e env, path string) (out []offline.ActiveModel, err error) {
	load := func(path string) ([]offline.ActiveModel, error) {
		c, err := loadConfig(path)
		if err != nil {
			return nil, err
		}
		return offline.ActiveModels(c, e.stderr)
	}
	if path != "" {
		return load(path)
	}
	if _, err := os.Stat(defaultConfig); err != nil {
		return nil, nil
	}
	if out, err = load(defaultConfig); err != nil {
		fmt.Fprintf(e.stderr, "no active model: %v\n", err)
	}
	return out, nil
}

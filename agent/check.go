package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"iot-edge-anomaly/agent/config"
)

// loadConfig reads a configuration with the drivers this binary was built
// with. Problems are an error with the configuration's exit code.
func loadConfig(path string) (*config.Config, error) {
	c, err := config.Load(path, driverInfos())
	if err != nil {
		return nil, &exitError{exitConfig, err}
	}
	return c, nil
}

func checkVerb(_ context.Context, e env, args []string) error {
	fs := flags("check")
	asJSON := fs.Bool("json", false, "print the problems as a JSON array")
	if err := parse(e, fs, args, 1); err != nil {
		return err
	}
	path := fs.Arg(0)
	c, err := config.Load(path, driverInfos())
	var problems config.Problems
	if err != nil && !errors.As(err, &problems) {
		return &exitError{exitConfig, err}
	}
	if c != nil {
		problems = c.Warnings
	}
	if *asJSON {
		if problems == nil {
			problems = config.Problems{}
		}
		if err := json.NewEncoder(e.stdout).Encode(problems); err != nil {
			return err
		}
	} else if len(problems) > 0 {
		fmt.Fprintln(e.stdout, problems.Error())
	}
	if err != nil {
		return &exitError{exitConfig, fmt.Errorf("%s: %d problem(s)", path, len(problems))}
	}
	if !*asJSON {
		fmt.Fprintf(e.stdout, "%s: good: %s\n", path, summary(c))
	}
	return nil
}

func summary(c *config.Config) string {
	channels := 0
	for _, m := range c.Machines {
		channels += len(m.Resolved)
	}
	return fmt.Sprintf("%d buses, %d sensors, %d machines with %d channels", len(c.Buses), len(c.Sensors), len(c.Machines), channels)
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/devices"
	"iot-edge-anomaly/agent/gateway"
)

func checkVerb(_ context.Context, e env, args []string) error {
	set := flags("check")
	file := configFlag(set)
	asJSON := set.Bool("json", false, "print the problems, or the keys, as a JSON array")
	keys := set.Bool("explain", false, "print what is known about the key that follows, or a line for each key")
	if err := parseRange(e, set, args, 0, 1); err != nil {
		return err
	}
	if *keys {
		err := config.Explain(e.stdout, config.Keys(devices.Infos()), set.Arg(0), *asJSON)
		var unknown *config.UnknownKey
		if errors.As(err, &unknown) {
			return usagef("%w", err)
		}
		return err
	}
	path := *file
	if set.NArg() == 1 {
		if path = set.Arg(0); *file != defaultConfig && *file != path {
			return usagef("two files, %s and --config %s: name one", path, *file)
		}
	}
	c, err := config.Load(path, devices.Infos())
	var problems config.Problems
	if err != nil && !errors.As(err, &problems) {
		if *asJSON { // whoever reads it wants a list, whatever happens
			problems = config.Problems{{File: path, Line: 1, Column: 1, Message: err.Error(), Hint: "is the path right, and may you read it?"}}
			err = errors.Join(err, json.NewEncoder(e.stdout).Encode(problems))
		}
		return config.Refuse(err)
	}
	if c != nil {
		problems = slices.Concat(c.Warnings, gateway.Foresee(path, c), devices.LineLoad(path, c), devices.LongWaits(path, c))
	}
	if err := tellProblems(e.stdout, *asJSON, path, c, problems); err != nil {
		return err
	}
	if err != nil {
		return config.Refuse(fmt.Errorf("%s: %s", path, plural(len(problems), "problem", "problems")))
	}
	if err := gateway.Startable(c); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if n := impaired(problems); n > 0 {
		return fmt.Errorf("%s: %s would not judge as configured; all else runs", path, plural(n, "machine", "machines"))
	}
	return nil
}

// impaired counts the machines that would start blind or judge in part.
func impaired(problems config.Problems) (n int) {
	for _, p := range problems {
		if p.Severity == config.SeverityImpaired {
			n++
		}
	}
	return n
}

// tellProblems prints what was found; c is nil where it cannot be used.
func tellProblems(w io.Writer, asJSON bool, path string, c *config.Config, problems config.Problems) error {
	if asJSON {
		if problems == nil {
			problems = config.Problems{}
		}
		return json.NewEncoder(w).Encode(problems)
	}
	text := ""
	if len(problems) > 0 {
		text = problems.Error() + "\n"
	}
	if c != nil {
		text += fmt.Sprintf("%s: good: %s\n", path, summary(c))
		for _, w := range devices.Writes(c) {
			text += fmt.Sprintf("%s: %s\n", path, w)
		}
	}
	_, err := io.WriteString(w, text)
	return err
}

func summary(c *config.Config) string {
	channels := 0
	for _, m := range c.Machines {
		channels += len(m.Resolved)
	}
	return fmt.Sprintf("%s, %s, %s with %s", plural(len(c.Buses), "bus", "buses"), plural(len(c.Sensors), "sensor", "sensors"),
		plural(len(c.Machines), "machine", "machines"), plural(channels, "channel", "channels"))
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

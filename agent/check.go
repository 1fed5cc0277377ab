package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"iot-edge-anomaly/agent/commission"
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
	if err := commission.TellProblems(e.stdout, *asJSON, path, c, problems); err != nil {
		return err
	}
	if err != nil {
		return config.Refuse(fmt.Errorf("%s: %s", path, commission.Plural(len(problems), "problem", "problems")))
	}
	if err := gateway.Startable(c); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if n := problems.Impaired(); n > 0 {
		return fmt.Errorf("%s: %s would not judge as configured; all else runs", path, commission.Plural(n, "machine", "machines"))
	}
	return nil
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/doctor"
	"iot-edge-anomaly/agent/gateway"
	"iot-edge-anomaly/agent/mqtt"
)

func doctorVerb(ctx context.Context, e env, args []string) error {
	fs := flags("doctor")
	path := configFlag(fs)
	asJSON := fs.Bool("json", false, "print JSON, an object a finding")
	if err := parse(e, fs, args, 0); err != nil {
		return err
	}
	c, err := loadConfig(*path)
	good := doctor.Examine(ctx, doctor.Options{File: *path, Config: c, Refuse: err, Socket: socketOf(e, *path),
		Foresee: func() (config.Problems, error) { return gateway.Foresee(*path, c), gateway.Startable(c) },
		Broker: func(ctx context.Context, tell func(string, bool, string)) bool {
			return gateway.CheckBroker(ctx, c, 0, func(f mqtt.Finding) { tell(f.Step, f.Good, f.Text) })
		},
		Tell: func(f doctor.Finding) {
			if *asJSON {
				json.NewEncoder(e.stdout).Encode(f)
				return
			}
			fmt.Fprintf(e.stdout, "%-10s %s %s\n", f.Step, mark(f.Good), f.Text)
			if f.Fix != "" {
				fmt.Fprintf(e.stdout, "%17s → %s\n", "", f.Fix)
			}
		}})
	if !good {
		return errors.New("not all is well: see the lines with FAILED")
	}
	return nil
}

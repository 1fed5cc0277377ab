package main

import (
	"context"
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
	bundle := fs.String("bundle", "", "write the evidence of an incident to `FILE`, a tar file without any secret")
	asJSON := fs.Bool("json", false, "print JSON, an object a finding")
	if err := parse(e, fs, args, 0); err != nil {
		return err
	}
	c, err := loadConfig(*path)
	var found []doctor.Finding
	o := doctor.Options{File: *path, Config: c, Refuse: err, Socket: socketOf(e, *path),
		Foresee: func() (config.Problems, error) { return gateway.Foresee(*path, c), gateway.Startable(c) },
		Broker: func(ctx context.Context, tell func(string, bool, string)) bool {
			return gateway.CheckBroker(ctx, c, 0, func(f mqtt.Finding) { tell(f.Step, f.Good, f.Text) })
		},
		Tell: func(f doctor.Finding) {
			found = append(found, f)
			tellStep(e, *asJSON, f, 10, f.Step, f.Good, f.Text)
			if f.Fix != "" && !*asJSON {
				fmt.Fprintf(e.stdout, "%17s → %s\n", "", f.Fix)
			}
		}}
	good := doctor.Examine(ctx, o)
	if *bundle != "" {
		sum, err := doctor.Bundle(ctx, *bundle, doctor.Evidence{Options: o, Findings: found, Program: version})
		if err == nil {
			_, err = fmt.Fprintf(e.stdout, "%s  %s\n", sum, *bundle)
		}
		return err
	}
	if !good {
		return errors.New("not all is well: see the lines with FAILED")
	}
	return nil
}

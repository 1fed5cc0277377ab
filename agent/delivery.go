package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/gateway"
	"iot-edge-anomaly/agent/mqtt"
)

// mqttVerb is mqtt check.
func mqttVerb(ctx context.Context, e env, args []string) error {
	fs := flags("mqtt")
	path := configFlag(fs)
	asJSON := fs.Bool("json", false, "print JSON, an object a step")
	d := fs.Duration("for", time.Minute, "how long to listen for events")
	if err := parse(e, fs, args, 1); err != nil {
		return err
	}
	if fs.Arg(0) != "check" {
		return usagef("mqtt %s: want mqtt check", fs.Arg(0))
	}
	c, err := loadConfig(*path)
	if err != nil {
		return err
	}
	if c.MQTT.Broker == "" {
		return config.Refuse(fmt.Errorf("%s: no mqtt.broker: nothing is published", *path))
	}
	good := gateway.CheckBroker(ctx, c, *d, func(f mqtt.Finding) {
		if *asJSON {
			json.NewEncoder(e.stdout).Encode(f)
		} else {
			fmt.Fprintf(e.stdout, "%-10s %s %s\n", f.Step, mark(f.Good), f.Text)
		}
	})
	if !good {
		return errors.New("not all is well between this gateway and its broker")
	}
	return nil
}

// spoolVerb is spool verify.
func spoolVerb(_ context.Context, e env, args []string) error {
	fs := flags("spool")
	path := configFlag(fs)
	asJSON := fs.Bool("json", false, "print JSON")
	if err := parse(e, fs, args, 1); err != nil {
		return err
	}
	if fs.Arg(0) != "verify" {
		return usagef("spool %s: want spool verify", fs.Arg(0))
	}
	c, err := loadConfig(*path)
	if err != nil {
		return err
	}
	good, text, err := gateway.VerifySpool(c, *asJSON)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(e.stdout, text); err != nil || good {
		return err
	}
	return errors.New("the queue is damaged, or messages are missing; run repairs it at its next start, and counts them")
}

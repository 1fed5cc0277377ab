package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/control"
	"iot-edge-anomaly/agent/gateway"
	"iot-edge-anomaly/agent/mqtt"
)

// mqttVerb is mqtt check, mqtt disable and mqtt enable.
func mqttVerb(ctx context.Context, e env, args []string) error {
	fs := flags("mqtt")
	path := configFlag(fs)
	asJSON := fs.Bool("json", false, "print JSON, an object a step")
	d := fs.Duration("for", time.Minute, "of check: how long to listen for events; 0s: have the broker publish a will instead")
	note := fs.String("note", "", "of disable and enable: why; it stands beside your name")
	if err := parse(e, fs, args, 1); err != nil {
		return err
	}
	switch fs.Arg(0) {
	case "check":
	case "disable", "enable":
		return isolate(ctx, e, *path, control.Isolate{Off: fs.Arg(0) == "enable", Note: *note})
	default:
		return usagef("mqtt %s: want mqtt check, mqtt disable or mqtt enable", fs.Arg(0))
	}
	c, err := loadConfig(*path)
	if err != nil {
		return err
	}
	if c.MQTT.Broker == "" {
		return config.Refuse(fmt.Errorf("%s: no mqtt.broker: nothing is published", *path))
	}
	if !gateway.CheckBroker(ctx, c, *d, func(f mqtt.Finding) { tellStep(e, *asJSON, f, 10, f.Step, f.Good, f.Text) }) {
		return errors.New("not all is well between this gateway and its broker")
	}
	return nil
}

// isolate cuts the running agent off from its broker, or ends that.
func isolate(ctx context.Context, e env, path string, ask control.Isolate) error {
	var i control.Isolated
	if err := control.Post(ctx, socketOf(e, path), "isolate", ask, &i); err != nil {
		return err
	}
	text := i.Ended()
	if !ask.Off {
		text = i.String() + "; detection goes on, events wait in the queue, also over a restart; mqtt enable ends it"
	}
	_, err := fmt.Fprintln(e.stdout, text)
	return err
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

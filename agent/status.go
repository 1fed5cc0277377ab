package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/control"
	"iot-edge-anomaly/agent/status"
)

// exitNotRunning is of the verb status alone, whose other codes are the levels of
// health. It also stands for an agent that could not be asked.
const exitNotRunning = 3

func statusVerb(ctx context.Context, e env, args []string) error {
	fs := flags("status")
	path := configFlag(fs)
	asJSON := fs.Bool("json", false, "print everything as JSON")
	alive := fs.Bool("alive", false, "end with 0 when degraded too: the health check of a container")
	if err := parse(e, fs, args, 0); err != nil {
		return err
	}
	var s control.Status
	err := control.Get(ctx, socketOf(e, *path), "status", &s)
	if err != nil {
		fmt.Fprintf(e.stderr, "iot-edge-anomaly status: %v\n", err)
		return &ended{exitNotRunning}
	}
	if *asJSON {
		err = json.NewEncoder(e.stdout).Encode(s)
	} else {
		_, err = io.WriteString(e.stdout, s.Screen())
	}
	if err != nil {
		return err
	}
	if *alive && s.Status <= status.Degraded {
		return nil
	}
	return &ended{int(s.Status)}
}

func waitReadyVerb(ctx context.Context, e env, args []string) error {
	fs := flags("wait-ready")
	path := configFlag(fs)
	limit := fs.Duration("timeout", time.Minute, "how long")
	if err := parse(e, fs, args, 0); err != nil {
		return err
	}
	if *limit <= 0 {
		return usagef("--timeout %v: want more than 0, such as 60s", *limit)
	}
	text, err := control.WaitReady(ctx, socketOf(e, *path), *limit)
	if err == nil {
		_, err = fmt.Fprintln(e.stdout, text)
	}
	return err
}

func reloadVerb(ctx context.Context, e env, args []string) error {
	fs := flags("reload")
	path := configFlag(fs)
	if err := parse(e, fs, args, 0); err != nil {
		return err
	}
	var r control.Reloaded
	if err := control.Post(ctx, socketOf(e, *path), "reload", nil, &r); err != nil {
		return err
	}
	_, err := fmt.Fprintln(e.stdout, r.Text())
	return err
}

// socketOf is the control socket of the configuration at path. Where that is not known
// it says so.
func socketOf(e env, path string) string {
	socket, err := config.Socket(path)
	if err != nil {
		fmt.Fprintf(e.stderr, "iot-edge-anomaly: %v\n", err)
	}
	return socket
}

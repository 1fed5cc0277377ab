package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"iot-edge-anomaly/agent/backup"
	"iot-edge-anomaly/agent/control"
	"iot-edge-anomaly/agent/devices"
	"iot-edge-anomaly/agent/gateway"
)

func backupVerb(_ context.Context, e env, args []string) error {
	fs := flags("backup")
	path := configFlag(fs)
	if err := parse(e, fs, args, 1); err != nil {
		return err
	}
	c, err := loadConfig(*path)
	if err != nil {
		return err
	}
	made, err := backup.Make(fs.Arg(0), c, *path, gateway.DeviceID(c), version)
	if err != nil {
		return err
	}
	_, err = io.WriteString(e.stdout, made.Text())
	return err
}

func restoreVerb(_ context.Context, e env, args []string) error {
	fs := flags("restore")
	path := configFlag(fs)
	device := fs.String("device", "", "`ID` of another gateway whose backup this one takes, in its place")
	if err := parse(e, fs, args, 1); err != nil {
		return err
	}
	return backup.Restore(fs.Arg(0), backup.Options{File: *path, ID: gateway.DeviceID, Device: *device, Drivers: devices.Infos(),
		Say: func(format string, a ...any) { fmt.Fprintf(e.stdout, format+"\n", a...) }})
}

func fsckVerb(_ context.Context, e env, args []string) error {
	fs := flags("fsck")
	path := configFlag(fs)
	asJSON := fs.Bool("json", false, "print JSON, an object a finding")
	if err := parseRange(e, fs, args, 0, 1); err != nil {
		return err
	}
	if fs.NArg() == 1 {
		text, err := backup.Inspect(fs.Arg(0))
		if err == nil {
			_, err = io.WriteString(e.stdout, text)
		}
		return err
	}
	c, err := loadConfig(*path)
	if err != nil {
		return err
	}
	if !backup.Check(c, *path, func(f backup.Finding) { tellStep(e, *asJSON, f, 13, f.What, f.Good, f.Text) }) {
		return errors.New("something is damaged")
	}
	return nil
}

// tellStep prints what a verb has found of one thing.
func tellStep(e env, asJSON bool, finding any, width int, step string, good bool, text string) {
	if asJSON {
		json.NewEncoder(e.stdout).Encode(finding)
		return
	}
	mark := "ok    "
	if !good {
		mark = "FAILED"
	}
	fmt.Fprintf(e.stdout, "%-*s %s %s\n", width, step, mark, control.Plain(text))
}

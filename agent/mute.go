package main

import (
	"context"
	"fmt"

	"iot-edge-anomaly/agent/control"
)

func muteVerb(ctx context.Context, e env, args []string) error {
	fs := flags("mute")
	path := configFlag(fs)
	d := fs.Duration("for", 0, "how long, at most 24h")
	off := fs.Bool("off", false, "tell of the machine again")
	note := fs.String("note", "", "why; it stands beside your name")
	if err := parse(e, fs, args, 1); err != nil {
		return err
	}
	name := fs.Arg(0)
	if (*d > 0) == *off || *d < 0 {
		return usagef("mute %s: want either --for 2h, at most 24h, or --off", name)
	}
	var m control.Muted
	if err := control.Post(ctx, socketOf(e, *path), "mute", control.Mute{Machine: name, ForS: d.Seconds(), Note: *note}, &m); err != nil {
		return err
	}
	if *off {
		_, err := fmt.Fprintf(e.stdout, "%s: no longer muted\n", name)
		return err
	}
	_, err := fmt.Fprintf(e.stdout, "%s: muted until %s; faults, alerts and critical limits are told all the same\n", name, m.Until.Local().Format("2006-01-02 15:04:05"))
	return err
}

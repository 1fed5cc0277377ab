package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"iot-edge-anomaly/agent/control"
)

func eventVerb(ctx context.Context, e env, args []string) error {
	fs := flags("event")
	path := configFlag(fs)
	note := fs.String("note", "", "of ack: what is done about it; it stands beside your name")
	asJSON := fs.Bool("json", false, "of list: print everything as JSON")
	if err := parseRange(e, fs, args, 1, 2); err != nil {
		return err
	}
	switch what := fs.Arg(0); {
	case what == "list" && fs.NArg() == 1:
		return listEvents(ctx, e, *path, *asJSON)
	case what == "ack" && fs.NArg() == 2:
		id := fs.Arg(1)
		if err := control.Post(ctx, socketOf(e, *path), "ack", control.Ack{Event: id, Note: *note}, &control.Ack{}); err != nil {
			return err
		}
		_, err := fmt.Fprintf(e.stdout, "%s: acknowledged; it is told again when it becomes graver, when another cause leads, and when it closes\n", id)
		return err
	case what == "ack":
		return usagef("event ack: the id of an open event is wanted; event list shows them")
	default:
		return usagef("event %q: want event list or event ack ID", what)
	}
}

func listEvents(ctx context.Context, e env, path string, asJSON bool) error {
	var open control.Events
	if err := control.Get(ctx, socketOf(e, path), "events", &open); err != nil {
		return err
	}
	if asJSON {
		return json.NewEncoder(e.stdout).Encode(open)
	}
	_, err := io.WriteString(e.stdout, open.Screen())
	return err
}

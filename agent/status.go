package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/control"
	"iot-edge-anomaly/agent/review"
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
	since := fs.Duration("since", 0, "what the time since then came to, in whole days: 168h is the weekly check")
	if err := parse(e, fs, args, 0); err != nil {
		return err
	}
	if *since < 0 || *since > review.MostSince {
		return usagef("--since %v: want a duration such as 168h, at most %v; report --month tells of the time before", *since, review.MostSince)
	}
	text, level, err := review.Status(ctx, review.Options{Socket: socketOf(e, *path), JSON: *asJSON, Now: time.Now()}, *since)
	if err != nil {
		fmt.Fprintf(e.stderr, "iot-edge-anomaly status: %v\n", err)
		return &ended{exitNotRunning}
	}
	if _, err := io.WriteString(e.stdout, text); err != nil {
		return err
	}
	if *alive && level <= status.Degraded {
		return nil
	}
	return &ended{int(level)}
}

func reportVerb(ctx context.Context, e env, args []string) error {
	fs, month := flags("report"), ""
	path := configFlag(fs)
	fs.BoolFunc("month", "of the month 2026-11, for example; without one, of the month before this", func(v string) error { month = strings.TrimPrefix(v, "true"); return nil })
	asJSON := fs.Bool("json", false, "print JSON")
	html := fs.String("html", "", "write the report to `FILE` too, as a page; into a folder under a name of its own")
	if err := parseRange(e, fs, args, 0, 1); err != nil {
		return err
	}
	if m := cmp.Or(fs.Arg(0), month); !review.IsMonth(m) {
		return usagef("month %q: want one such as 2026-11", m)
	}
	text, err := review.Month(ctx, review.Options{Socket: socketOf(e, *path), Config: func() (*config.Config, error) { return loadConfig(*path) },
		JSON: *asJSON, HTML: *html, Now: time.Now()}, cmp.Or(fs.Arg(0), month))
	if err == nil {
		_, err = io.WriteString(e.stdout, text)
	}
	return err
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

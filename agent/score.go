package main

import (
	"context"

	"iot-edge-anomaly/agent/gateway"
	"iot-edge-anomaly/agent/offline"
)

func scoreVerb(ctx context.Context, e env, args []string) error {
	o := offline.ScoreOptions{Stdin: e.stdin, Stdout: e.stdout, Warnings: e.stderr, Clock: gateway.Clock}
	fs := flags("score")
	fs.StringVar(&o.Model, "model", "", "model `FILE`")
	fs.StringVar(&o.CSV, "csv", "", "recording; `FILE` - is stdin")
	fs.StringVar(&o.Out, "out", "-", "scores; `FILE` - is stdout")
	fs.BoolVar(&o.Percentile, "percentile", false, "add a column: how many of the scores of learning were lower, in per cent")
	fs.StringVar(&o.Events, "events", "", "events as JSON lines; `FILE` - is stdout")
	fs.StringVar(&o.Report, "report", "", "HTML `FILE` to write: scores, events and causes, drawn")
	fs.BoolVar(&o.Sweep, "sweep", false, "print, in place of scores, how many alarms a month several alarm policies would give, and by which channels")
	fs.BoolVar(&o.JSON, "json", false, "of --sweep: print an object")
	configPath := fs.String("config", "", "take alarm policy and limits of the events from this configuration `FILE`")
	machine := fs.String("machine", "", "machine of the configuration (default: the only one)")
	if err := parse(e, fs, args, 0); err != nil {
		return err
	}
	if err := o.Check(); err != nil {
		return usagef("%w", err)
	}
	var err error
	if o.Machine, err = configuredMachine(*configPath, *machine); err != nil {
		return err
	}
	return offline.Score(ctx, o)
}

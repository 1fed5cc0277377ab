package main

import (
	"context"
	"fmt"

	"iot-edge-anomaly/agent/commission"
	"iot-edge-anomaly/agent/offline"
)

func recordVerb(ctx context.Context, e env, args []string) error {
	fs := flags("record")
	path := configFlag(fs)
	machine := fs.String("machine", "", "machine to record (default: the only one)")
	out := fs.String("out", "", "CSV `FILE` to write; - is stdout")
	length := fs.Duration("for", 0, "how long (default: until interrupted)")
	if err := parse(e, fs, args, 0); err != nil {
		return err
	}
	if *out == "" || *length < 0 {
		return usagef("--out is needed, --for is not negative")
	}
	c, err := loadConfig(*path)
	if err != nil {
		return err
	}
	m, err := c.Machine(*machine)
	if err != nil {
		return usagef("%w", err)
	}
	if *length > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, *length)
		defer cancel()
	}
	w, closeOut, err := offline.Create(e.stdout, *out)
	if err != nil {
		return err
	}
	r, err := commission.Record(ctx, c, m, commission.RecordOptions{Out: w, Live: *out == "-", Faults: e.stderr})
	if cerr := closeOut(); err == nil {
		err = cerr
	}
	where := ""
	if *out != "-" {
		where = " in " + *out
	}
	fmt.Fprintf(e.stderr, "%s%s%s\n", commission.Plural(r.Rows, "row", "rows"), where, r.LeftOut())
	return err
}

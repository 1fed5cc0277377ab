package main

import (
	"context"
	"errors"
	"strings"

	"iot-edge-anomaly/agent/offline"
)

func trainVerb(ctx context.Context, e env, args []string) error {
	o := offline.TrainOptions{Stdin: e.stdin, Warnings: e.stderr}
	fs := flags("train")
	csvs := fs.String("csv", "", "recordings, separated by commas; `FILE` - is stdin")
	fs.IntVar(&o.Rows, "rows", 0, "learn from the first `N` rows (0 = all)")
	fs.Uint64Var(&o.Seed, "seed", 1, "seed of the random numbers: the same seed and rows give the same weights")
	fs.StringVar(&o.Out, "out", "", "model `FILE` to write")
	configPath := fs.String("config", "", "take units, period and run_when from this configuration `FILE`")
	machine := fs.String("machine", "", "machine of the configuration (default: the only one)")
	asJSON := fs.Bool("json", false, "print the report as JSON")
	fs.StringVar(&o.Report, "report", "", "HTML `FILE` to write: what was learnt, drawn")
	if err := parse(e, fs, args, 0); err != nil {
		return err
	}
	if *csvs == "" || o.Out == "" || o.Rows < 0 {
		return usagef("--csv and --out are needed, --rows is not negative")
	}
	if o.Out == "-" {
		return usagef("--out - is not possible: a model is written atomically, to a file")
	}
	if o.Report == "-" {
		return usagef("--report - is not possible: a report is a file")
	}
	o.CSV = strings.Split(*csvs, ",")
	if err := offline.KeepInputs(o.CSV, []string{o.Out, o.Report}); err != nil {
		return usagef("%w", err)
	}
	var err error
	if o.Machine, err = configuredMachine(*configPath, *machine); err != nil {
		return err
	}
	line := offline.NewProgress(e.stderr)
	o.Progress = line.Training
	trained, err := offline.Train(ctx, o)
	line.Done()
	if trained == nil {
		return err
	}
	return errors.Join(err, trained.Tell(e.stdout, *asJSON, o.Out))
}

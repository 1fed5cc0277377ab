package main

import (
	"context"

	"iot-edge-anomaly/agent/commission"
)

func initVerb(ctx context.Context, e env, args []string) error {
	o := commission.InitOptions{Print: e.stdout, Tell: e.stderr}
	fs := flags("init")
	fs.Func("modbus", "a Modbus line to look at, `URL`: tcp://host?units=1-5,7 or rtu:///dev/ttyUSB0?baud=9600&units=1; once for each line", func(url string) error {
		m, err := commission.ParseUnits(url)
		o.Modbus = append(o.Modbus, m)
		return err
	})
	fs.StringVar(&o.Out, "out", "", "new `FILE` for the proposal; without it, the proposal is printed")
	if err := parse(e, fs, args, 0); err != nil {
		return err
	}
	if o.Out != "" {
		o.Tell = e.stdout
	}
	return commission.Init(ctx, o)
}

package main

import (
	"context"
	"fmt"
	"time"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/control"
	"iot-edge-anomaly/agent/devices"
)

func configVerb(ctx context.Context, e env, args []string) error {
	fs := flags("config")
	path := configFlag(fs)
	verify := fs.Duration("verify", 10*time.Second, "how long the agent must stay as healthy as before")
	if err := parse(e, fs, args, 2); err != nil {
		return err
	}
	if fs.Arg(0) != "apply" {
		return usagef("config %q: want config apply FILE", fs.Arg(0))
	}
	a := control.Apply{New: fs.Arg(1), Place: *path, Verify: *verify,
		Say: func(format string, a ...any) { fmt.Fprintf(e.stdout, format+"\n", a...) },
		Check: func(name string, data []byte) error {
			_, problems := config.Parse(name, data, devices.Infos())
			for i := range problems {
				problems[i].File = fs.Arg(1) // where the mistake is
			}
			return problems.Err()
		}}
	return a.Run(ctx)
}

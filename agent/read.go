package main

import (
	"context"
	"os"
	"slices"
	"strings"

	"iot-edge-anomaly/agent/commission"
	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/demo"
)

func readVerb(ctx context.Context, e env, args []string) error {
	fs := flags("read")
	path := configFlag(fs)
	o := commission.ReadOptions{Out: e.stdout, Hints: e.stderr}
	fs.StringVar(&o.Sensor, "sensor", "", "read only the sensor `NAME`")
	fs.BoolVar(&o.Watch, "watch", false, "read again every second until interrupted, or in the sensor's own period")
	fs.BoolVar(&o.JSON, "json", false, "print JSON, one array a pass")
	if err := parse(e, fs, args, 0); err != nil {
		return err
	}
	c, err := loadConfig(*path)
	if err != nil {
		return err
	}
	if names := sensorNames(c); o.Sensor != "" && !slices.Contains(names, o.Sensor) {
		return usagef("--sensor %s: the configuration has no such sensor: %s", o.Sensor, strings.Join(names, ", "))
	}
	if f, ok := e.stdout.(*os.File); ok && demo.Terminal(f).TTY {
		o.Terminal = f
	}
	return commission.Read(ctx, c, o)
}

func sensorNames(c *config.Config) (names []string) {
	for _, s := range c.Sensors {
		names = append(names, s.Name)
	}
	return names
}

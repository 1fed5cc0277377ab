package main

import (
	"context"
	"os/signal"
	"syscall"

	"iot-edge-anomaly/agent/config"
)

func runVerb(ctx context.Context, e env, args []string) error {
	fs := flags("run")
	path := fs.String("config", defaultConfig, "configuration `FILE`")
	if err := parse(e, fs, args, 0); err != nil {
		return err
	}
	c, err := loadConfig(*path)
	if err != nil {
		return err
	}
	// Whoever reads the log may go, a journal that crashed or a tee: watching goes on.
	signal.Ignore(syscall.SIGPIPE)
	log := newLog(e.stderr, c.Log.Level)
	for _, w := range c.Warnings {
		log.Warn("configuration", "problem", w.String())
	}
	o := gatewayOptions{cfg: c, host: host, log: log, hup: e.hup,
		reload: func() (*config.Config, error) { return loadConfig(*path) }}
	g, err := newGateway(o)
	if err != nil {
		return err
	}
	return g.run(ctx, o)
}

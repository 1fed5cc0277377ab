package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/gateway"
)

func runVerb(ctx context.Context, e env, args []string) error {
	fs := flags("run")
	path := configFlag(fs)
	if err := parse(e, fs, args, 0); err != nil {
		return err
	}
	c, err := loadConfig(*path)
	if err != nil {
		return err
	}
	// Whoever reads the log may go, a journal that crashed or a tee: watching goes on.
	signal.Ignore(syscall.SIGPIPE)
	log := gateway.NewLog(e.stderr, c.Log.Level, c.Log.Format)
	for _, w := range c.Warnings {
		log.Warn("configuration", "problem", w.String())
	}
	g, err := gateway.New(gateway.Options{Config: c, File: *path, Log: log, Build: build().status(), Hangup: e.hup,
		Abort: func() { os.Exit(exitRestart) }, Reload: func() (*config.Config, error) { return loadConfig(*path) }})
	if err != nil {
		return err
	}
	return g.Run(ctx)
}

package main

import (
	"context"
	"errors"
	"log/slog"
	"os/signal"
	"syscall"

	"iot-edge-anomaly/agent/demo"
	"iot-edge-anomaly/agent/gateway"
)

// demoVerb runs the production agent on a simulated plant.
func demoVerb(ctx context.Context, e env, args []string) error {
	// A reader that went away must not end the process before it has cleaned up.
	signal.Ignore(syscall.SIGPIPE)
	o := demo.RunOptions{Out: e.stdout, Build: build().status(), Log: func(level string) *slog.Logger { return gateway.NewLog(e.stderr, level, "text") }}
	fs := flags("demo")
	length := fs.Duration("for", 0, "stop after this time (default: until interrupted)")
	fault := fs.String("fault", "", "play only this fault: "+faultNames())
	fs.StringVar(&o.Broker, "broker", "", "publish to this broker's `URL` (default: the built-in one)")
	fs.Uint64Var(&o.Seed, "seed", 1, "seed of the plant's history")
	if err := parse(e, fs, args, 0); err != nil {
		return err
	}
	if *length < 0 {
		return usagef("--for is not negative")
	}
	if *fault != "" {
		info, err := demo.ParseFault(*fault)
		if err != nil {
			return usagef("--fault: %w", err)
		}
		o.Fault = info.Fault
	}
	if *length > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, *length)
		defer cancel()
	}
	err := demo.Run(ctx, o)
	var wrong *demo.BrokerError
	if errors.As(err, &wrong) {
		return usagef("--broker: %w", err)
	}
	return err
}

func faultNames() (s string) {
	for i, f := range demo.Faults() {
		if i > 0 {
			s += ", "
		}
		s += string(f.Fault)
	}
	return s
}

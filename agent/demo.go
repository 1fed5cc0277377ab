package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/demo"
	"iot-edge-anomaly/agent/devices"
	"iot-edge-anomaly/agent/status/page"
)

// demoVerb supplies a plant and a broker and runs the production agent on them.
func demoVerb(ctx context.Context, e env, args []string) error {
	// A reader that went away must not end the process before it has cleaned up.
	signal.Ignore(syscall.SIGPIPE)
	fs := flags("demo")
	length := fs.Duration("for", 0, "stop after this time (default: until interrupted)")
	fault := fs.String("fault", "", "play only this fault: "+faultNames())
	brokerURL := fs.String("broker", "", "publish to this broker's `URL` (default: the built-in one)")
	seed := fs.Uint64("seed", 1, "seed of the plant's history")
	if err := parse(e, fs, args, 0); err != nil {
		return err
	}
	if *length < 0 {
		return usagef("--for is not negative")
	}
	o := demo.Options{Seed: *seed}
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
	return runDemo(ctx, e, o, *brokerURL)
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

func runDemo(ctx context.Context, e env, o demo.Options, brokerURL string) error {
	station, err := demo.Start(o)
	if err != nil {
		return err
	}
	defer station.Close()
	var notes []string
	named := brokerURL != "" // by the user
	if !named {
		var stop func()
		brokerURL, stop, err = demo.StartBroker("127.0.0.1:1883")
		switch {
		case errors.Is(err, demo.ErrNoBroker):
			notes = append(notes, "this build has no broker: nothing is published. make run builds one, --broker names one")
		case err != nil:
			return err
		default:
			defer stop()
			notes = append(notes, movedNote("1883", "broker", brokerURL)...)
		}
	}
	httpAddr, err := demo.FreeAddr("127.0.0.1:8080")
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "iot-edge-anomaly-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	text := station.Config(brokerURL, httpAddr, dir)
	path := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return err
	}
	c, problems := config.Parse(path, text, devices.Infos())
	if err := problems.Err(); err != nil && named && problems[0].Path == "mqtt.broker" {
		return usagef("--broker %s: %s: %s", brokerURL, problems[0].Message, problems[0].Hint)
	} else if err != nil {
		return fmt.Errorf("the demonstration's own configuration: %w", err)
	}
	view := demo.NewView(e.stdout, viewOptions(e))
	view.Header(demo.Header{Page: "http://" + httpAddr + "/", Broker: brokerURL, Topic: demo.Topic, Plant: station.Plant(), Config: path,
		Notes: append(notes, movedNote("8080", "page", "http://"+httpAddr)...)})
	g, err := newGateway(gatewayOptions{cfg: c, host: devices.Host{I2C: station.I2C}, log: newLog(e.stderr, c.Log.Level)})
	if err != nil {
		return err
	}
	return showDemo(ctx, station, g, view, brokerURL)
}

// viewOptions tell what stdout can do.
func viewOptions(e env) demo.ViewOptions {
	if f, ok := e.stdout.(*os.File); ok {
		return demo.Terminal(f)
	}
	return demo.ViewOptions{}
}

// movedNote tells where something had to give way to the next free port.
func movedNote(port, what, address string) []string {
	u, err := url.Parse(address)
	if err != nil || u.Port() == port {
		return nil
	}
	return []string{"port " + port + " is taken: the " + what + " is on " + u.Host}
}

// showDemo runs the agent while the script plays and the view shows.
func showDemo(ctx context.Context, station *demo.Station, g *gateway, view *demo.View, brokerURL string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-view.Broken():
			cancel()
		case <-ctx.Done():
		}
	}()
	go view.Follow(ctx, func() page.State { s := g.snapshot(); return s.Page() })
	if brokerURL != "" {
		go view.Run(ctx, demo.Subscribe(ctx, brokerURL, demo.Topic+"/#"))
	}
	go station.RunScript(ctx, view.Learned(), view.Say)
	err := g.run(ctx, gatewayOptions{})
	// What was published last is still on its way to the view.
	time.Sleep(100 * time.Millisecond)
	if broken := view.Err(); !errors.Is(broken, syscall.EPIPE) { // demo | head has seen enough
		err = errors.Join(err, broken)
	}
	return err
}

package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/devices"
	"iot-edge-anomaly/agent/gateway"
	"iot-edge-anomaly/agent/status"
	"iot-edge-anomaly/agent/status/page"
)

// RunOptions say what Run demonstrates and where it shows it.
type RunOptions struct {
	Options                                 // of the station
	Broker  string                          // URL to publish to; "" = the built-in broker
	Out     io.Writer                       // the view is written to it
	Log     func(level string) *slog.Logger // returns the agent's log
	Build   status.Build                    // of this program
}

// BrokerError says what is wrong with RunOptions.Broker.
type BrokerError struct{ text string }

// Error says it in one sentence.
func (e *BrokerError) Error() string { return e.text }

// Run runs the agent on a station of its own until ctx is done or nobody reads the
// view any more.
func Run(ctx context.Context, o RunOptions) error {
	station, err := Start(o.Options)
	if err != nil {
		return err
	}
	defer station.Close()
	broker, notes, stop, err := brokerFor(o.Broker)
	if err != nil {
		return err
	}
	defer stop()
	httpAddr, err := FreeAddr("127.0.0.1:8080")
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "iot-edge-anomaly-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	text := station.Config(broker, httpAddr, dir)
	path := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return err
	}
	c, problems := config.Parse(path, text, devices.Infos())
	if err := problems.Err(); err != nil && o.Broker != "" && problems[0].Path == "mqtt.broker" {
		return &BrokerError{problems[0].Message + ": " + problems[0].Hint}
	} else if err != nil {
		return fmt.Errorf("the demonstration's own configuration: %w", err)
	}
	view := NewView(o.Out, viewOptions(o.Out))
	view.Header(Header{Page: "http://" + httpAddr + "/", Broker: broker, Topic: Topic, Plant: station.Plant(), Config: path,
		Notes: append(notes, movedNote("8080", "page", "http://"+httpAddr)...)})
	g, err := gateway.New(gateway.Options{Config: c, Host: devices.Host{I2C: station.I2C}, Log: o.Log(c.Log.Level), Build: o.Build})
	if err != nil {
		return err
	}
	return play(ctx, station, g, view, broker)
}

// brokerFor returns the URL of the broker: the named one or, if none is named, the
// built-in one, which runs until stop. The URL is empty if this build has no broker.
func brokerFor(named string) (broker string, notes []string, stop func(), err error) {
	if named != "" {
		return named, nil, func() {}, nil
	}
	broker, stop, err = StartBroker("127.0.0.1:1883")
	switch {
	case errors.Is(err, ErrNoBroker):
		return "", []string{"this build has no broker: nothing is published. make run builds one, --broker names one"}, func() {}, nil
	case err != nil:
		return "", nil, nil, err
	}
	return broker, movedNote("1883", "broker", broker), stop, nil
}

// viewOptions says what w can do.
func viewOptions(w io.Writer) ViewOptions {
	if f, ok := w.(*os.File); ok {
		return Terminal(f)
	}
	return ViewOptions{}
}

// movedNote says that a port was taken and which address is used instead.
func movedNote(port, what, address string) []string {
	u, err := url.Parse(address)
	if err != nil || u.Port() == port {
		return nil
	}
	return []string{"port " + port + " is taken: the " + what + " is on " + u.Host}
}

// play runs the agent, the script and the view.
func play(ctx context.Context, station *Station, g *gateway.Gateway, view *View, broker string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-view.Broken():
			cancel()
		case <-ctx.Done():
		}
	}()
	go view.Follow(ctx, func() page.State { s := g.Snapshot(); return s.Page() })
	if broker != "" {
		go view.Run(ctx, Subscribe(ctx, broker, Topic+"/#"))
	}
	go station.RunScript(ctx, view.Learned(), view.Say)
	err := g.Run(ctx)
	// The last messages are still on their way to the view.
	time.Sleep(100 * time.Millisecond)
	if broken := view.Err(); !errors.Is(broken, syscall.EPIPE) { // the reader has closed it, as in demo | head
		err = errors.Join(err, broken)
	}
	return err
}

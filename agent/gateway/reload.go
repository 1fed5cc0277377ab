package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/control"
	"iot-edge-anomaly/board"
)

// ErrRestart is what an error of Run is (errors.Is) if the process should end and be
// started again.
var ErrRestart = errors.New("restart wanted")

// restartError marks an error as ErrRestart without changing its text.
type restartError struct{ error }

func (e restartError) Unwrap() error        { return e.error }
func (e restartError) Is(target error) bool { return target == ErrRestart }

// reload puts a new configuration into force, or keeps the old one if the new one
// does not fit. An error that is ErrRestart means that neither is in force.
func (g *Gateway) reload(ctx context.Context) verdict {
	if g.opts.Reload == nil {
		return verdict{err: errors.New("this agent reads no configuration file")}
	}
	g.notify(board.Reloading())
	defer func() { g.notify(board.Ready()) }()
	var v verdict
	c, err := g.opts.Reload()
	if err == nil {
		v.changed, err = g.change(ctx, c)
	}
	v.err = err
	g.setRefused(err)
	switch {
	case err == nil:
		g.log.Info("configuration reloaded", "changed", strings.Join(v.changed, ", "))
	case !errors.Is(err, ErrRestart):
		g.log.Error("reload refused: the configuration before it stays in force", "error", err)
	}
	return v
}

// setRefused remembers why the newest reload was refused, if it was.
func (g *Gateway) setRefused(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.refused = ""
	if err != nil {
		g.refused = err.Error()
	}
}

// note records a reload that a signal asked for.
func (g *Gateway) note(verb string, v verdict) {
	if err := g.audit.Add(control.NewChange(verb, control.Peer{}, "", v.err)); err != nil {
		g.log.Warn("audit of changes", "error", err)
	}
}

// change puts a configuration into force and names what it touched.
func (g *Gateway) change(ctx context.Context, c *config.Config) (changed []string, err error) {
	old := g.cfg
	if err := fixed(old, c); err != nil {
		return nil, err
	}
	next, err := g.newBroker(c.MQTT)
	if err != nil {
		return nil, err
	}
	if err := g.replacePlant(ctx, c); err != nil {
		return nil, err
	}
	g.mu.Lock()
	g.cfg, g.loaded = c, time.Now()
	g.mu.Unlock()
	return append([]string{"buses, sensors and machines"}, g.changeServices(old, c, next)...), nil
}

// replacePlant swaps the plant.
func (g *Gateway) replacePlant(ctx context.Context, c *config.Config) error {
	old := g.currentPlant()
	// The models and learning rows on disk belong to the old plant until it stops.
	// A first plant, built and thrown away, proves that the configuration fits before
	// anything stops. It logs nothing: the second one does.
	probe, err := newPlant(c, g.opts.Host, g.reporter, g.metrics, slog.New(slog.DiscardHandler))
	if err != nil {
		return config.Refuse(err)
	}
	if err := probe.close(); err != nil {
		g.log.Warn("close sensors and buses", "error", err)
	}
	old.stop()
	next, err := newPlant(c, g.opts.Host, g.reporter, g.metrics, g.log)
	if err != nil {
		return restartError{fmt.Errorf("the configuration was good a moment ago: %w", err)}
	}
	g.mu.Lock()
	g.plant = next
	g.mu.Unlock()
	for _, ev := range g.reporter.OpenEvents() {
		if !next.resume(ev) {
			if err := g.reporter.CloseRestart(ev); err != nil {
				g.log.Error("close event after a reload", "error", err)
			}
		}
	}
	next.start(ctx, g.fault)
	return nil
}

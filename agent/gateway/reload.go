package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
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
		err = g.replace(ctx, c)
		v.changed = []string{"buses, sensors and machines"}
	}
	v.err = err
	g.setRefused(err)
	switch {
	case err == nil:
		g.log.Info("configuration reloaded", "changed", v.changed)
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

// replace swaps the plant. Settings of the services need a restart.
func (g *Gateway) replace(ctx context.Context, c *config.Config) error {
	old := g.currentPlant()
	if !sameServices(c, old.cfg) {
		return errors.New("gateway, mqtt, spool, http and state change with a restart only: systemctl restart iot-edge-anomaly")
	}
	// The models and learning rows on disk belong to the old plant until it stops.
	// A first plant, built and thrown away, proves that the configuration fits before
	// anything stops. It logs nothing: the second one does.
	probe, err := newPlant(c, g.opts.Host, g.reporter, g.metrics, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	if err := probe.close(); err != nil {
		g.log.Warn("close sensors and buses", "error", err)
	}
	old.stop()
	next, err := newPlant(c, g.opts.Host, g.reporter, g.metrics, g.log)
	if err != nil {
		return restartError{fmt.Errorf("the configuration was good a moment ago: %w", err)}
	}
	if g.opts.SetLogLevel != nil {
		g.opts.SetLogLevel(c.Log.Level)
	}
	g.mu.Lock()
	g.plant, g.cfg, g.loaded = next, c, time.Now()
	g.mu.Unlock()
	for _, ev := range g.reporter.OpenEvents() {
		if !next.resume(ev) {
			if err := g.reporter.CloseRestart(ev); err != nil {
				g.log.Error("close event after a reload", "error", err)
			}
		}
	}
	g.forget(old.cfg, c)
	next.start(ctx, g.fault)
	return nil
}

// sameServices tells whether two configurations agree in everything outside the
// plant, wherever in the file it stands.
func sameServices(a, b *config.Config) bool {
	ma, mb := a.MQTT, b.MQTT
	ha, hb := a.HTTP, b.HTTP
	ma.Pos, mb.Pos, ha.Pos, hb.Pos = config.Pos{}, config.Pos{}, config.Pos{}, config.Pos{}
	return ma == mb && a.Spool == b.Spool && ha == hb && a.Gateway == b.Gateway && a.State == b.State
}

// forget deletes the retained states of removed machines from the broker.
func (g *Gateway) forget(before, now *config.Config) {
	if g.mqtt == nil {
		return
	}
	for _, m := range before.Machines {
		same := func(n config.Machine) bool { return n.Name == m.Name }
		if !slices.ContainsFunc(now.Machines, same) {
			g.mqtt.SetRetained(g.device.Topic+"/machine/"+m.Name, nil) // an empty retained message deletes [MQTT-3.3.1-10]
		}
	}
}

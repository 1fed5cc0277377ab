package gateway

import (
	"errors"
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
func (g *Gateway) reload() verdict {
	if g.opts.Reload == nil {
		return verdict{err: errors.New("this agent reads no configuration file")}
	}
	g.notify(board.Reloading())
	g.reloading.Store(true)
	defer func() { g.reloading.Store(false); g.notify(board.Ready()) }()
	var v verdict
	c, err := g.opts.Reload()
	if err == nil {
		if v.changed, err = g.change(c); !errors.Is(err, ErrRestart) {
			g.tellModels(c, err)
		}
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
	g.audited(control.NewChange(verb, control.Peer{}, "", v.err))
}

// change puts a configuration into force and names what it touched, nothing else. An
// error that is not ErrRestart means that the configuration before it is in force.
func (g *Gateway) change(c *config.Config) (changed []string, err error) {
	old := g.cfg
	if err := fixed(old, c); err != nil {
		return nil, err
	}
	broker, err := g.newBroker(c.MQTT)
	if err != nil {
		return nil, err
	}
	next, err := g.plant.prepare(c)
	if err != nil {
		return nil, config.Refuse(err)
	}
	if err := g.changePlant(next); err != nil {
		return nil, err
	}
	g.mu.Lock()
	g.cfg, g.loaded = c, time.Now()
	g.mu.Unlock()
	if len(next.changed) > 0 {
		g.warn(c)
	}
	return append(next.changed, g.changeServices(old, c, broker)...), nil
}

// changePlant puts a plant into force. Open events go on, or are closed if no part of
// the plant would.
func (g *Gateway) changePlant(c *prepared) error {
	if err := c.enact(g.plant); err != nil {
		return err
	}
	g.faults.Lock()
	g.mu.Lock()
	g.plant = c.next
	g.mu.Unlock()
	g.faults.Unlock()
	if len(c.changed) == 0 {
		return nil
	}
	for _, ev := range g.reporter.OpenEvents() {
		if !g.resume(c.next, ev) {
			g.endEvent(ev)
		}
	}
	clear(g.published)
	g.applyMutes(c.next)
	c.next.startNew()
	return nil
}

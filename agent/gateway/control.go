package gateway

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/control"
	"iot-edge-anomaly/agent/history"
)

// auditFile is the record of changes in the state folder.
const auditFile = "changes.json"

// openControl prepares the control socket.
func (g *Gateway) openControl() {
	var err error
	if g.audit, err = control.OpenAudit(filepath.Join(g.cfg.State, auditFile)); err != nil {
		g.log.Warn("earlier changes are forgotten", "error", err)
	}
	if g.cfg.Control.Socket == "" {
		return
	}
	g.socket = control.New(control.Options{Socket: g.cfg.Control.Socket, Audit: g.audit, Log: g.log, Verbs: []control.Verb{
		{Name: "status", Do: func(context.Context, control.Request) (any, error) { return g.status(), nil }},
		{Name: "history", Do: g.askHistory},
		{Name: "evidence", Do: g.evidence},
		{Name: "reload", Changes: true, Do: g.askReload},
		{Name: "unlatch", Changes: true, Do: g.askUnlatch},
		{Name: "events", Do: func(context.Context, control.Request) (any, error) { return g.openEvents(), nil }},
		{Name: "ack", Changes: true, Do: g.askAck},
		{Name: "mute", Changes: true, Do: g.askMute},
		{Name: "isolate", Changes: true, Do: g.askIsolate},
		{Name: "models", Do: g.askModels},
		{Name: "model", Changes: true, Content: true, Do: g.askModel},
	}})
	g.control = newService(g.socket.Run)
}

// audited records a change.
func (g *Gateway) audited(c control.Change) {
	if err := g.audit.Add(c); err != nil {
		g.log.Warn("a change cannot be recorded", "error", err)
	}
}

// status is the answer to the verb status.
func (g *Gateway) status() control.Status {
	s := g.Snapshot()
	return control.Status{Health: s.Health(), Figures: g.figures(&s), Site: s.Site, Config: g.inForce(), Changes: g.audit.Changes()}
}

// inForce tells which configuration is in force.
func (g *Gateway) inForce() control.Config {
	g.mu.Lock()
	defer g.mu.Unlock()
	c := control.Config{File: g.opts.File, SHA256: g.cfg.SHA256, Since: g.loaded, Refused: g.refused}
	if since := g.days.Since(history.Config, c.SHA256); !since.IsZero() && since.Before(c.Since) {
		c.Since = since // also before this start
	}
	return c
}

// verdict is how a reload ended.
type verdict struct {
	changed []string // what it touched
	err     error    // it was refused
}

// errStopping is the answer to whoever asks an agent that is about to end.
var errStopping = errors.New("the agent is stopping")

// askReload has the loop reload the configuration and waits for its verdict.
func (g *Gateway) askReload(ctx context.Context, r control.Request) (any, error) {
	if err := r.Decode(&control.Reload{}); err != nil {
		return nil, err
	}
	ask := make(chan verdict, 1)
	select {
	case g.reloads <- ask:
	case <-g.stopping:
		return nil, errStopping
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	select {
	case v := <-ask:
		return control.Reloaded{Config: g.inForce(), Changed: append([]string{}, v.changed...)}, v.err
	case <-g.stopping:
		return nil, errStopping
	}
}

// askUnlatch closes those events of the machines that are over and held open.
func (g *Gateway) askUnlatch(_ context.Context, r control.Request) (any, error) {
	var asked control.Unlatch
	if err := r.Decode(&asked); err != nil {
		return nil, err
	}
	return asked, g.currentPlant().unlatch(asked.Machines)
}

// unlatch asks the machines, and none of them if one is unknown.
func (p *plant) unlatch(names []string) error {
	for _, name := range names {
		if p.unit(name) == nil {
			return config.Refuse(fmt.Errorf("machine %s: unknown to the running agent", name))
		}
	}
	for _, name := range names {
		p.log.Info("unlatched", "machine", name)
		p.unit(name).Unlatch()
	}
	return nil
}

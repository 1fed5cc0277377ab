package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"iot-edge-anomaly/agent/control"
	"iot-edge-anomaly/agent/state"
)

// isolatedFile says, in the state folder, that the gateway is cut off from its broker.
// An incident is not over because the agent is started anew, so it outlives a restart.
const (
	isolatedFile = "isolated.json"
	isolatedMost = 64 << 10 // bytes; more is damage
)

// loadIsolation reads whether an earlier run was told to stay away from the broker. A
// file that cannot be read says so too: nothing leaves a gateway by mistake.
func (g *Gateway) loadIsolation() {
	b, err := state.ReadFile(filepath.Join(g.cfg.State, isolatedFile), isolatedMost)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	var i control.Isolated
	if err == nil {
		i, err = parseIsolated(b)
	}
	if err != nil {
		g.log.Error("whether the broker may be used is not known: it is not", "error", err, "cure", "iot-edge-anomaly mqtt enable")
		i = control.Isolated{By: "unknown", Note: isolatedFile + " cannot be read"}
	}
	g.isolated.Store(&i)
	g.log.Warn("isolated: no connection to the broker; events wait in the queue", "since", i.Since, "by", i.By, "note", i.Note)
}

// parseIsolated reads the file.
func parseIsolated(b []byte) (i control.Isolated, err error) {
	if err = json.Unmarshal(b, &i); err == nil && i.By == "" {
		err = errors.New("it does not say by whom")
	}
	return i, err
}

// job is something that the loop does for somebody else.
type job struct {
	do   func() error
	done chan error
}

// inLoop has the loop do something, and waits for it.
func (g *Gateway) inLoop(ctx context.Context, do func() error) error {
	j := job{do, make(chan error, 1)}
	select {
	case g.jobs <- j:
	case <-g.stopping:
		return errStopping
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-j.done:
		return err
	case <-g.stopping:
		return errStopping
	}
}

// askIsolate cuts the gateway off from its broker, or ends that.
func (g *Gateway) askIsolate(ctx context.Context, r control.Request) (any, error) {
	var asked control.Isolate
	if err := r.Decode(&asked); err != nil {
		return nil, err
	}
	if err := badNote(asked.Note); err != nil {
		return nil, err
	}
	i := control.Isolated{Since: time.Now().UTC().Truncate(time.Second), By: r.By.Who(), Note: asked.Note}
	if asked.Off {
		i = control.Isolated{Was: g.isolated.Load() != nil}
	} else if was := g.isolated.Load(); was != nil && i.Note == "" && !was.Since.IsZero() {
		i = *was // who asks again says nothing new: the first word stands
	}
	return i, g.inLoop(ctx, func() error { return g.isolate(i) })
}

// isolate is of the loop. What it says is on the disk before it is done.
func (g *Gateway) isolate(i control.Isolated) error {
	path := filepath.Join(g.cfg.State, isolatedFile)
	if i.By == "" {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		was := g.isolated.Swap(nil)
		if was == nil {
			return nil
		}
		next, err := g.newBroker(g.cfg.MQTT)
		if err != nil {
			return err
		}
		g.log.Warn("no longer isolated: connecting to the broker")
		g.replaceBroker(next)
		g.clearRetained(g.cfg)
		return nil
	}
	b, err := json.Marshal(i)
	if err == nil {
		err = state.WriteFile(path, append(b, '\n'), 0o600)
	}
	if err != nil { // it holds until the next start all the same
		err = fmt.Errorf("isolated until the next start only: %w", err)
	}
	g.isolated.Store(&i)
	g.log.Warn("isolated: no connection to the broker; events wait in the queue", "by", i.By, "note", i.Note)
	g.replaceBroker(nil)
	return err
}

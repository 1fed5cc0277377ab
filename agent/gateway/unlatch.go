package gateway

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// unlatchWait is how long RequestUnlatch waits for the agent, which looks for
// requests twice a second.
const unlatchWait = 5 * time.Second

// unlatchRequest is the file that asks the running agent to close those events of a
// machine that are over and held open. Whoever may write to the state folder may
// ask; nothing is opened to the network for it.
func unlatchRequest(state, machine string) string {
	return filepath.Join(state, "unlatch-"+machine)
}

// RequestUnlatch asks the agent with this state folder to close the events of the
// machines that are over and held open by detect.latch. It returns whether an agent
// has taken the requests within a few seconds. If none has, because none runs, the
// requests remain for the next one.
func RequestUnlatch(ctx context.Context, state string, machines []string) (taken bool, err error) {
	for _, name := range machines {
		f, err := os.OpenFile(unlatchRequest(state, name), os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return false, fmt.Errorf("ask the agent: %w", err)
		}
		if err := f.Close(); err != nil {
			return false, fmt.Errorf("ask the agent: %w", err)
		}
	}
	for end := time.Now().Add(unlatchWait); time.Now().Before(end) && ctx.Err() == nil; time.Sleep(50 * time.Millisecond) {
		waiting := false
		for _, name := range machines {
			_, err := os.Lstat(unlatchRequest(state, name))
			waiting = waiting || err == nil
		}
		if !waiting {
			return true, nil
		}
	}
	return false, nil
}

// takeUnlatch passes requests on to the machines and removes them.
func (p *plant) takeUnlatch() {
	for i, m := range p.machines {
		mc := p.cfg.Machines[i]
		if !mc.Detect.Latch {
			continue
		}
		switch err := os.Remove(unlatchRequest(p.cfg.State, mc.Name)); {
		case err == nil:
			p.log.Info("unlatched", "machine", mc.Name)
			m.Unlatch()
		case !errors.Is(err, os.ErrNotExist) && p.unlatchErr == "":
			p.unlatchErr = err.Error() // logged once only: this runs twice a second
			p.log.Warn("unlatch request", "error", err)
		}
	}
}

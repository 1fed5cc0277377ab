package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"iot-edge-anomaly/agent/config"
)

// unlatchWait is how long the agent may take to take a request: it looks twice
// a second.
const unlatchWait = 5 * time.Second

// unlatchRequest is the file that asks the running agent to close a machine's
// events which are over and held open. Whoever may write to the state folder may
// ask: nothing is opened to the network for it.
func unlatchRequest(state, machine string) string {
	return filepath.Join(state, "unlatch-"+machine)
}

func unlatchVerb(ctx context.Context, e env, args []string) error {
	fs := flags("unlatch")
	path := fs.String("config", defaultConfig, "configuration `FILE`")
	machine := fs.String("machine", "", "machine of the configuration (default: every one that latches)")
	if err := parse(e, fs, args, 0); err != nil {
		return err
	}
	c, err := loadConfig(*path)
	if err != nil {
		return err
	}
	asked, err := askUnlatch(c, *machine)
	if err != nil {
		return err
	}
	for end := time.Now().Add(unlatchWait); time.Now().Before(end) && ctx.Err() == nil; time.Sleep(50 * time.Millisecond) {
		waiting := false
		for _, name := range asked {
			_, err := os.Lstat(unlatchRequest(c.State, name))
			waiting = waiting || err == nil
		}
		if !waiting {
			fmt.Fprintf(e.stdout, "%s: unlatched; what is over is closed with the next row\n", strings.Join(asked, ", "))
			return nil
		}
	}
	return fmt.Errorf("%s: asked, but no agent has answered: it is done when one runs", strings.Join(asked, ", "))
}

// askUnlatch leaves a request for the machine, or for each that latches.
func askUnlatch(c *config.Config, machine string) (asked []string, err error) {
	for _, m := range c.Machines {
		if machine != "" && m.Name != machine {
			continue
		}
		if !m.Detect.Latch {
			if machine != "" {
				return nil, usagef("machine %s does not latch: detect.latch is not true", machine)
			}
			continue
		}
		f, err := os.OpenFile(unlatchRequest(c.State, m.Name), os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return nil, fmt.Errorf("ask the agent: %w", err)
		}
		if err := f.Close(); err != nil {
			return nil, fmt.Errorf("ask the agent: %w", err)
		}
		asked = append(asked, m.Name)
	}
	switch {
	case len(asked) > 0:
		return asked, nil
	case machine != "":
		return nil, usagef("--machine %s: unknown", machine)
	}
	return nil, usagef("no machine latches: none has detect.latch: true")
}

// takeUnlatch hands requests on to the machines and removes them.
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
			p.unlatchErr = err.Error() // once: this is asked twice a second
			p.log.Warn("unlatch request", "error", err)
		}
	}
}

package machine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"iot-edge-anomaly/agent/detect"
	"iot-edge-anomaly/agent/judge"
	"iot-edge-anomaly/agent/state"
)

const (
	stateMost = 64 << 20 // bytes of a judge's state; more is damage

	// keepAfter is after how many looks at drift the state is written: an eighth of
	// the drift window, three hours at the least. A power cut loses no more, a stop
	// nothing.
	keepAfter = 4
)

// clockSet is before any deployment of this program: an earlier moment comes from
// a clock that nobody had set.
var clockSet = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

// keepState writes the judge's state, so that a restart does not lose weeks.
func (m *Machine) keepState() {
	m.looks = 0
	if m.o.State == "" || m.model == nil {
		return
	}
	err := os.MkdirAll(filepath.Dir(m.o.State), 0o700)
	if err == nil {
		err = state.WriteFile(m.o.State, m.judge.Save(nil), 0o600)
	}
	if err != nil {
		m.log.Warn("keep the state of the judge", "error", err)
		m.setError(stateTrouble, err)
		return
	}
	m.healed(stateTrouble)
}

// loadState continues from the state of an earlier run, where there is one.
func (m *Machine) loadState() {
	m.relearnt = false
	if m.o.State == "" {
		return
	}
	b, err := state.ReadFile(m.o.State, stateMost)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err == nil {
		err = m.judge.Restore(b, clockSet)
	}
	switch {
	case errors.Is(err, judge.ErrOtherModel):
		m.relearnt = true
		m.log.Info("drift is judged anew: the machine was learnt anew")
	case err != nil:
		m.log.Warn("the state of the judge cannot be used: drift is judged anew", "error", fmt.Errorf("%s: %w", m.o.State, err))
	}
}

// resumeDrift ends a drift event of an earlier run where the machine has been, or
// is being, learnt anew.
func (m *Machine) resumeDrift(ev detect.Event) bool {
	if ev.Kind != detect.Drift || ev.Machine != m.o.Policy.Machine || ev.State == detect.Close {
		return false
	}
	now := time.Now()
	ev.State, ev.Time, ev.Until, ev.Reason = detect.Close, now, now, detect.ReasonRelearn
	m.send(ev)
	return true
}

// noteDrift shows what a row says of drift, and keeps it now and then.
func (m *Machine) noteDrift(v *judge.Verdict) {
	drifted := slices.ContainsFunc(v.Events, func(ev detect.Event) bool { return ev.Kind == detect.Drift })
	if !v.Looked && !drifted {
		return
	}
	m.setDrift()
	if m.looks++; drifted || m.looks >= keepAfter {
		m.keepState()
	}
}

func (m *Machine) setDrift() {
	d := m.judge.Drift()
	m.mu.Lock()
	defer m.mu.Unlock()
	d.Channels = append(m.status.Drift.Channels[:0], d.Channels...)
	m.status.Drift = d
}

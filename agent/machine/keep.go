package machine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
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

// keeper writes the judge's state beside the rows, which go on: of the states that come
// while it writes, only the newest counts.
type keeper struct {
	mu   sync.Mutex
	busy chan struct{} // closed when the writing has ended; nil = nothing is written
	next []byte        // to be written after what is being written; nil = nothing
}

// keep writes b soon.
func (k *keeper) keep(b []byte, write func([]byte)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.next = b; k.busy != nil {
		return
	}
	k.busy = make(chan struct{})
	go func() {
		for {
			k.mu.Lock()
			b := k.next
			if k.next = nil; b == nil {
				close(k.busy)
				k.busy = nil
				k.mu.Unlock()
				return
			}
			k.mu.Unlock()
			write(b)
		}
	}()
}

// wait waits until all is written.
func (k *keeper) wait() {
	k.mu.Lock()
	busy := k.busy
	k.mu.Unlock()
	if busy != nil {
		<-busy
	}
}

// keepState writes the judge's state, so that a restart does not lose weeks.
func (m *Machine) keepState() {
	m.looks = 0
	if m.o.State != "" && m.model != nil {
		m.keeper.keep(m.judge.Save(nil), m.writeState)
	}
}

// writeState puts a judge's state on the disk. It may be called by any goroutine.
func (m *Machine) writeState(b []byte) {
	err := os.MkdirAll(filepath.Dir(m.o.State), 0o700)
	if err == nil {
		err = state.WriteFile(m.o.State, b, 0o600)
	}
	if err != nil {
		m.log.Warn("keep the state of the judge", "error", err)
		m.setError(stateTrouble, err)
		return
	}
	m.healed(stateTrouble)
}

// endWithin is how long a disk that does not answer may keep the agent from stopping.
const endWithin = 4 * time.Second

// keepAll writes what a stop must not lose. Where the whole agent stops, a disk that does
// not answer is given up; another machine would need the files.
func (m *Machine) keepAll(ctx context.Context) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		if m.rows != nil {
			if m.flushed != nil {
				<-m.flushed
			}
			if err := m.rows.Flush(); err != nil {
				m.log.Warn("learning rows", "error", err)
			}
			m.tellLoss()
		}
		if !m.failed.Load() { // else what the judge holds is not to be trusted
			m.keepState()
		}
		m.keeper.wait()
	}()
	select {
	case <-done:
		return
	case <-ctx.Done():
	}
	late := time.NewTimer(endWithin)
	defer late.Stop()
	select {
	case <-done:
	case <-late.C:
		m.log.Error("the disk does not answer: the newest learning rows and the state of the judge are lost", "after", endWithin)
	}
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

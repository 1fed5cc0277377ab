package machine

import (
	"context"
	"fmt"
	"math"
	"runtime/debug"
	"time"

	"iot-edge-anomaly/agent/judge"
	"iot-edge-anomaly/agent/sampler"
)

// guarded deals with one row. After a panic nothing of the machine can be trusted: it only
// shows its rows, keeps its events open, and waits to be made anew.
func (m *Machine) guarded(ctx context.Context, f *sampler.Frame) {
	if m.failed.Load() {
		m.setRow(f)
		m.countNoModel()
		return
	}
	defer func() {
		if r := recover(); r != nil {
			m.fail(m.panicked("judging a row", r))
		}
	}()
	m.row(ctx, f)
}

// panicked counts and logs a panic, which is a fault of the program.
func (m *Machine) panicked(what string, r any) error {
	if m.o.Panics != nil {
		m.o.Panics.Add(1)
	}
	m.log.Error("panic", "in", what, "panic", r, "stack", string(debug.Stack()))
	return fmt.Errorf("%s: a fault of the program: %v", what, r)
}

// fail has the machine judge nothing more.
func (m *Machine) fail(err error) {
	m.failed.Store(true)
	m.mu.Lock()
	defer m.mu.Unlock()
	s := &m.status
	s.State, s.Since, s.Note, s.Problem = judge.Blind, time.Now(), err.Error(), err.Error()+"; the machine is started again soon"
	s.Score, s.Percent = math.NaN(), 0
}

// Failed tells whether a panic has stopped the machine: whoever runs it must make it anew.
func (m *Machine) Failed() bool { return m.failed.Load() }

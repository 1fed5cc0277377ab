// Package liveness decides whether the agent still does its work, so that the
// watchdog is fed by progress and by nothing else.
//
// It does not talk to systemd and starts no goroutine: a watchdog that is fed
// from its own loop proves only that the loop lives.
package liveness

import "time"

// Stage is one part of the agent that must keep progressing.
type Stage struct {
	Name     string
	Progress func() uint64 // any counter that grows while the stage works
	Budget   time.Duration // how long it may stand still
}

// Monitor remembers when each stage last moved. It is not safe for concurrent
// use.
type Monitor struct {
	stages []stage
}

type stage struct {
	Stage
	last  uint64
	moved time.Time
}

// New watches the stages from now on: none of them is late yet.
func New(now time.Time, stages []Stage) *Monitor {
	m := &Monitor{}
	for _, s := range stages {
		m.stages = append(m.stages, stage{s, s.Progress(), now})
	}
	return m
}

// Stalled names the first stage that has stood still for longer than its
// budget; empty while all progress.
func (m *Monitor) Stalled(now time.Time) string {
	stalled := ""
	for i := range m.stages {
		s := &m.stages[i]
		if n := s.Progress(); n != s.last {
			s.last, s.moved = n, now
		}
		if stalled == "" && now.Sub(s.moved) > s.Budget {
			stalled = s.Name
		}
	}
	return stalled
}

package gateway

import "time"

// stage is one part of the agent that must make progress.
type stage struct {
	name     string
	progress func() uint64 // any counter that grows while the stage works
	budget   time.Duration // how long the counter may stand still
}

// progressMonitor remembers when each stage last made progress. It is not safe for
// concurrent use.
type progressMonitor struct {
	stages []watchedStage
}

type watchedStage struct {
	stage
	last  uint64
	moved time.Time
}

// newProgressMonitor watches the stages from now on: none of them is late yet.
func newProgressMonitor(now time.Time, stages []stage) *progressMonitor {
	m := &progressMonitor{}
	for _, s := range stages {
		m.stages = append(m.stages, watchedStage{s, s.progress(), now})
	}
	return m
}

// stalled names the first stage that has stood still for longer than its budget; ""
// if all make progress.
func (m *progressMonitor) stalled(now time.Time) string {
	stalled := ""
	for i := range m.stages {
		s := &m.stages[i]
		if n := s.progress(); n != s.last {
			s.last, s.moved = n, now
		}
		if stalled == "" && now.Sub(s.moved) > s.budget {
			stalled = s.name
		}
	}
	return stalled
}

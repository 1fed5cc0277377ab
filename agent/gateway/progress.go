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
	looked time.Time
}

type watchedStage struct {
	stage
	last  uint64
	moved time.Time
}

// newProgressMonitor watches the stages from now on: none of them is late yet.
func newProgressMonitor(now time.Time, stages []stage) *progressMonitor {
	m := &progressMonitor{looked: now}
	for _, s := range stages {
		m.stages = append(m.stages, watchedStage{s, s.progress(), now})
	}
	return m
}

// stalled names the first stage that has stood still for longer than its budget; ""
// if all make progress. With excused, the time since the look before does not count.
func (m *progressMonitor) stalled(now time.Time, excused bool) string {
	since := now.Sub(m.looked)
	m.looked = now
	stalled := ""
	for i := range m.stages {
		s := &m.stages[i]
		if n := s.progress(); n != s.last {
			s.last, s.moved = n, now
		} else if excused {
			s.moved = s.moved.Add(since)
		}
		if stalled == "" && now.Sub(s.moved) > s.budget {
			stalled = s.name
		}
	}
	return stalled
}

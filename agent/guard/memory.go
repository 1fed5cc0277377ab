package guard

import "time"

const (
	// GoShare is the part of the limit that Go's own heap may come near: below the first
	// line, because the program and its stacks need memory too.
	GoShare = 0.7

	memoryHigh     = 0.80
	memoryCritical = 0.95
	memoryBack     = 0.05
	memoryStay     = 30 * time.Second // longer than from one collection by Go to the next: between them it rises and falls

	collectEvery = time.Minute
	learningAt   = 10 * time.Second // after telemetry gave way
	endAfter     = time.Minute      // at memoryCritical
)

// Shed is what gives way to save memory; each step includes those before it.
type Shed int

// The steps.
const (
	ShedNothing Shed = iota
	ShedTelemetry
	ShedLearning
)

// Memory watches the memory of the process. The zero value has not looked yet. It is not
// safe for concurrent use.
type Memory struct {
	line      Line
	collected time.Time // newest collection
	critical  time.Time // since when; zero = it is not
	shedAt    time.Time // when telemetry gave way
	shed      Shed
	ended     bool
}

// Step is what is to be done.
type Step struct {
	Level   Level
	Changed bool // it was another one before
	Collect bool // give what is free back to the system
	Shed    Shed
	End     bool // end the process now; said once
}

// Look takes what is used of the limit, both in bytes. Without a limit (0) all is fine.
func (m *Memory) Look(now time.Time, used, limit uint64) (s Step) {
	if m.line.High == 0 {
		m.line = Line{High: memoryHigh, Critical: memoryCritical, Back: memoryBack, Stay: memoryStay}
	}
	part := 0.0
	if limit > 0 {
		part = float64(used) / float64(limit)
	}
	before := m.collected
	s.Level, s.Changed = m.line.Look(now, part)
	if s.Level == Fine {
		m.shed, m.critical = ShedNothing, time.Time{}
		return s
	}
	if s.Collect = before.IsZero() || now.Sub(before) >= collectEvery; s.Collect {
		m.collected = now
	}
	switch { // what a collection does not cure
	case m.shed == ShedNothing && !s.Collect:
		m.shed, m.shedAt = ShedTelemetry, now
	case m.shed == ShedTelemetry && now.Sub(m.shedAt) >= learningAt:
		m.shed = ShedLearning
	}
	s.Shed = m.shed
	switch {
	case s.Level < Critical || part < memoryCritical-memoryBack:
		m.critical = time.Time{}
	case m.critical.IsZero():
		m.critical = now
	case now.Sub(m.critical) >= endAfter && !m.ended:
		m.ended, s.End = true, true
	}
	return s
}

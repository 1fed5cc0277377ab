package telemetry

import (
	"slices"
	"time"

	"iot-edge-anomaly/agent/report"
)

// Policy says which rows are published.
type Policy struct {
	Interval           time.Duration // at most one row in this time
	Absolute, Relative float64       // deadband, as of report.Row.Same
	Batch              int           // rows in one message; at least 1
}

// refresh is how often a row is taken although nothing has changed.
const refresh = time.Minute

// Silence is the longest time between two messages of a machine whose rows come each
// period.
func (p Policy) Silence(period time.Duration) time.Duration {
	return time.Duration(p.Batch) * max(p.Interval, refresh, period)
}

// Machine selects the rows of one machine. It is not safe for concurrent use.
type Machine struct {
	policy Policy
	due    time.Time // no row is taken before
	taken  time.Time // when the newest was; zero = none
	last   report.Row
	kept   []report.Row // of the next message, oldest first
}

// New has taken no row yet, so the first one is.
func New(p Policy) *Machine { return &Machine{policy: p} }

// Due tells whether a row may be taken at now.
func (m *Machine) Due(now time.Time) bool { return !now.Before(m.due) }

// Look looks at the newest row of the machine, which is copied if it is taken. It
// returns the rows of a message, oldest first, when there is one.
func (m *Machine) Look(now time.Time, r *report.Row) []report.Row {
	if !m.Due(now) || r.Time.IsZero() || r.Time.Equal(m.last.Time) {
		return nil
	}
	first := m.taken.IsZero()
	if !first && now.Sub(m.taken) < refresh && r.Same(&m.last, m.policy.Absolute, m.policy.Relative) {
		return nil
	}
	m.taken, m.due = now, now.Add(m.policy.Interval)
	m.last = report.Row{Time: r.Time, Score: r.Score, Values: slices.Clone(r.Values), Quality: slices.Clone(r.Quality)}
	m.kept = append(m.kept, m.last)
	if !first && len(m.kept) < m.policy.Batch { // the first one does not wait: nobody has a value yet
		return nil
	}
	rows := m.kept
	m.kept = nil
	return rows
}

// Renew has the next row published whatever has changed: somebody is new.
func (m *Machine) Renew() { m.due, m.taken = time.Time{}, time.Time{} }

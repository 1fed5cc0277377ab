package sampler

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Values that come too late for their rows become a fault after lateFor in which
// more than a third of the reads, and at least five, were late: now and then a busy
// gateway is late too.
const (
	lateFull = 10 // a late read counts two
	lateFor  = 30 * time.Second
)

// lateness counts the reads of one sensor that brought values after their period.
type lateness struct {
	level int       // 0 to lateFull: rises by two with each late read, falls by one with each other
	since time.Time // when level began to rise
	lasts bool      // level reached lateFull and has not fallen to 0 since
}

// countLate notes whether the newest read ended after the next one was due. The
// caller does not hold mu.
func (s *sensorState) countLate(due time.Time, late bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := &s.lateness
	if late && s.brought.Equal(s.at) { // a read that failed is a fault of its own
		if l.level == 0 {
			l.since = due
		}
		l.level = min(l.level+2, lateFull)
	} else {
		l.level = max(l.level-1, 0)
	}
	l.lasts = l.level > 0 && (l.lasts || l.level == lateFull && s.at.Sub(l.since) >= lateFor)
}

// late tells whether values come too late for their rows, and have for a while.
// With a max age the operator allows it. The caller holds mu.
func (s *sensorState) late() bool { return s.lateness.lasts && s.maxAge == 0 }

// lateSince is when values began to come too late.
func (s *sensorState) lateSince() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lateness.since
}

// took is how long the newest read lasted.
func (s *sensorState) took() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.latency
}

// slowestLate is the sensor that the fault of late values on a bus is named after, -1 =
// no sensor is late. It is the slowest one when the fault begins, and stays the
// same until none is late.
func (m *faultMonitor) slowestLate(b *bus, cs []condition) int {
	slowest, longest := -1, time.Duration(0)
	for i, s := range b.sensors {
		if !cs[i].late {
			continue
		}
		if d := s.took(); slowest < 0 || d > longest {
			slowest, longest = i, d
		}
	}
	i := slices.IndexFunc(b.sensors, func(s *sensorState) bool { return s.name == m.lateNamed[b.name] })
	if slowest >= 0 && i >= 0 && !cs[i].failing {
		return i
	}
	if delete(m.lateNamed, b.name); slowest >= 0 {
		m.lateNamed[b.name] = b.sensors[slowest].name
	}
	return slowest
}

// lateFault is the one fault of all sensors of a bus whose values come too late,
// or did since it opened. It is named after the given sensor.
func (m *faultMonitor) lateFault(b *bus, cs []condition, named *sensorState) Fault {
	f := Fault{Bus: b.name, Sensor: named.name, Since: named.lateSince()}
	var names, before []string
	if old := m.open[b.name+"/"+named.name]; old != nil {
		before = old.Channels
	}
	all := time.Duration(0) // to read each sensor of the bus once
	for i, s := range b.sensors {
		if b.atOnce == nil {
			all += s.took()
		} else {
			all = max(all, s.took())
		}
		if channels := s.channels(); cs[i].late || slices.Contains(before, channels[0]) {
			names = append(names, s.name)
			f.Channels = append(f.Channels, channels...)
		}
	}
	period := named.readPeriod()
	f.Reason = fmt.Sprintf("values of %s come too late for their rows: reading the bus takes %v, the period is %v: give period: %v",
		strings.Join(names, ", "), all.Round(10*time.Millisecond), period, EnoughPeriod(all, period))
	return f
}

// EnoughPeriod is the smallest multiple of period in which a reading that takes so
// long ends with a fifth of the time to spare.
func EnoughPeriod(takes, period time.Duration) time.Duration {
	return (takes*5/4/period + 1) * period
}

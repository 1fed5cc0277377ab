package sampler

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// leader is the slot in whose name it is told that values come too late, -1 =
// they do not: the slowest when it begins, and the same until none is late.
func (w *watcher) leader(b *bus, vs []verdict) int {
	slowest, longest := -1, time.Duration(0)
	for i, s := range b.slots {
		if !vs[i].late {
			continue
		}
		if d := s.took(); slowest < 0 || d > longest {
			slowest, longest = i, d
		}
	}
	if i, told := w.leads[b.name]; slowest >= 0 && told && !vs[i].failing {
		return i
	}
	if delete(w.leads, b.name); slowest >= 0 {
		w.leads[b.name] = slowest
	}
	return slowest
}

// behind is the one fault of all sensors of a bus whose values come too late, or
// have since it opened.
func (w *watcher) behind(b *bus, vs []verdict, leader *slot) Fault {
	f := Fault{Bus: b.name, Sensor: leader.name}
	var names, told []string
	if old := w.open[b.name+"/"+leader.name]; old != nil {
		told = old.Channels
	}
	all := time.Duration(0) // of one reading of each sensor of the bus
	for i, s := range b.slots {
		if b.atOnce == nil {
			all += s.took()
		} else {
			all = max(all, s.took())
		}
		if channels := w.channels([]*slot{s}); vs[i].late || slices.Contains(told, channels[0]) {
			names = append(names, s.name)
			f.Channels = append(f.Channels, channels...)
		}
	}
	leader.mu.Lock()
	f.Since = leader.lateFrom
	leader.mu.Unlock()
	f.Reason = fmt.Sprintf("values of %s come too late for their rows: reading the bus takes %v, the period is %v: give period: %v",
		strings.Join(names, ", "), all.Round(10*time.Millisecond), leader.period, EnoughPeriod(all, leader.period))
	return f
}

// EnoughPeriod is the least multiple of a period in which a reading ends with some
// room.
func EnoughPeriod(takes, period time.Duration) time.Duration {
	return (takes*5/4/period + 1) * period
}

// took is how long the newest attempt lasted.
func (s *slot) took() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.latency
}

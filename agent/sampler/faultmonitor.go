package sampler

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"iot-edge-anomaly/drivers"
)

// A fault opens after this many failed reads in a row, or when a read hangs, and
// closes after as many successful ones. A single lost answer on a noisy line is
// no fault.
const (
	faultAfter = 3
	clearAfter = 3
)

// updateAfter is the least time between two announcements of one open fault, of a
// device that refuses some registers only now and then.
const updateAfter = time.Minute

// settleAfter is how long the sensors of a bus may take to follow once the bus is
// back: a unit that was silent is asked again after pauses of up to 30 s.
const settleAfter = 40 * time.Second

// faultMonitor opens and closes the faults of sensors and buses. It runs on a
// goroutine of its own, so it also sees a bus goroutine that hangs. mu of the Group
// guards it, but for faults.
type faultMonitor struct {
	mu        *sync.Mutex
	buses     []*bus
	machines  map[string][]string  // by sensor: the machines that use it
	open      map[string]*Fault    // by bus or "bus/sensor"
	restored  map[string]time.Time // by bus: when its fault closed
	lateNamed map[string]string    // by bus: the sensor that the fault of late values is named after
	found     []Fault              // opened and closed, not yet sent
	faults    chan Fault
	every     time.Duration
}

func newFaultMonitor(mu *sync.Mutex, buses []*bus, machines []MachineSpec) *faultMonitor {
	m := &faultMonitor{mu: mu, open: map[string]*Fault{}, restored: map[string]time.Time{}, lateNamed: map[string]string{}, faults: make(chan Fault, 64)}
	m.watch(buses, machines)
	return m
}

// watch sets what is watched from now on. What is open of a sensor or bus that is
// still there stays open.
func (m *faultMonitor) watch(buses []*bus, machines []MachineSpec) {
	m.buses, m.machines, m.every = buses, map[string][]string{}, time.Second
	for _, spec := range machines {
		for _, c := range spec.Cells {
			if !slices.Contains(m.machines[c.Sensor], spec.Name) {
				m.machines[c.Sensor] = append(m.machines[c.Sensor], spec.Name)
			}
		}
		m.every = min(m.every, spec.Period)
	}
	m.every = max(m.every, 50*time.Millisecond)
	there := map[string]bool{}
	for _, b := range buses {
		there[b.name] = true
		for _, s := range b.sensors {
			there[b.name+"/"+s.name] = true
		}
	}
	maps.DeleteFunc(m.open, func(key string, _ *Fault) bool { return !there[key] })
}

func (m *faultMonitor) run(ctx context.Context) {
	defer close(m.faults)
	every := m.interval()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			for _, f := range m.look(now) {
				select { // waits while the receiver is slow: faults are few and none may be lost
				case m.faults <- f:
				case <-ctx.Done():
					return
				}
			}
			if now := m.interval(); now != every {
				every = now
				tick.Reset(every)
			}
		}
	}
}

func (m *faultMonitor) interval() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.every
}

// look inspects all buses and returns the faults that open and close. They are sent
// without mu: nobody else must wait for their receiver.
func (m *faultMonitor) look(now time.Time) []Fault {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.found = nil
	for _, b := range m.buses {
		m.inspect(b, now)
	}
	return m.found
}

// condition is how one sensor does, as far as faults are concerned.
type condition struct {
	failing, well bool      // neither: not decided yet
	answers       bool      // the device has answered lately, perhaps without all its values
	onBus         bool      // the cause is the bus
	hanging       bool      // a read is under way for too long
	silent        bool      // the newest read had no answer
	late          bool      // it brings values, but too late for their rows
	fails         int       // failed reads in a row
	silences      int       // reads without an answer in a row
	missing       []string  // of a sensor that is failing: the channels lost in the newest read
	since         time.Time // end of the last successful read; zero = there was none
	err           error
}

func (s *sensorState) condition(now time.Time) (c condition) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.hanging(now); err != nil {
		c = condition{failing: true, onBus: true, hanging: true, since: s.lastGood, err: err}
	} else {
		c = condition{failing: s.fails >= faultAfter, well: s.oks >= clearAfter, answers: s.answers >= clearAfter, onBus: errors.Is(s.err, drivers.ErrBus),
			late: s.late(), silent: s.err != nil && reasonOf(s.err) == reasonTimeout, fails: s.fails, silences: s.silences, since: s.lastGood, err: s.err}
	}
	if c.failing {
		c.missing = s.missing()
	}
	return c
}

// hanging is the error of a read that is under way for too long, or nil. The
// caller holds mu.
func (s *sensorState) hanging(now time.Time) error {
	d := now.Sub(s.started)
	if s.started.IsZero() || d <= s.hangLimit() {
		return nil
	}
	return fmt.Errorf("%w: a read is under way for %v", drivers.ErrBus, d.Round(time.Millisecond))
}

// inspect opens and closes the faults of one bus. There is one fault of the bus,
// instead of one of each sensor, when a read hangs (which holds up all sensors of
// the bus), when all sensors fail and the bus is the cause, or when none of
// several devices answers, as after a cut wire.
func (m *faultMonitor) inspect(b *bus, now time.Time) {
	cs := make([]condition, len(b.sensors))
	allFail, onBus, anyWell, anyAnswers, hanging, silent := true, false, false, false, false, true
	for i, s := range b.sensors {
		cs[i] = s.condition(now)
		allFail = allFail && (cs[i].failing || !s.tried())
		onBus = onBus || (cs[i].failing && cs[i].onBus)
		anyWell = anyWell || cs[i].well
		anyAnswers = anyAnswers || cs[i].answers
		hanging = hanging || cs[i].hanging
		silent = silent && cs[i].silent
	}
	silent = silent && b.devices() > 1
	if hanging || allFail && (onBus || silent) {
		f := Fault{Bus: b.name, Since: lastSuccess(cs), Reason: busError(cs), Channels: b.channels()}
		if silent {
			f.Reason = fmt.Sprintf("none of %d devices answers: %v", b.devices(), cs[0].err)
		}
		m.announce(b.name, f, now)
	} else if anyAnswers && m.open[b.name] != nil {
		m.clear(b.name, now)
		m.restored[b.name] = now
	}
	late := m.slowestLate(b, cs)
	for i, s := range b.sensors {
		key := b.name + "/" + s.name
		switch {
		case i == late:
			m.announce(key, m.lateFault(b, cs, s), now)
		case cs[i].well:
			m.clear(key, now)
		case cs[i].onBus && !anyWell: // perhaps a fault of the bus: other sensors may not have been read yet
		case silent && !anyWell && cs[i].fails < 2*faultAfter: // perhaps the others fall silent too
		case cs[i].silences > 0 && cs[i].silences < faultAfter && m.open[key] != nil: // perhaps one lost answer of a device that has lost a part
		case cs[i].failing && !cs[i].hanging && b.follows(cs, i): // the fault is of both
		case cs[i].failing && m.open[b.name] == nil && now.Sub(m.restored[b.name]) > settleAfter:
			named, lost := m.deviceFault(b, cs, i)
			if !named {
				continue
			}
			m.announce(key, Fault{Bus: b.name, Sensor: s.name, Since: cs[i].since, Reason: cs[i].err.Error(), Channels: lost}, now)
		}
	}
}

// deviceFault lists the channels lost to the failure of sensor i, including those
// of every other sensor of its device that failed as a whole. One fault stands for
// all of them, and named tells whether it is named after sensor i. It is named
// after the first of them, or, where the device failed between two of their reads,
// after the one whose fault is open already.
func (m *faultMonitor) deviceFault(b *bus, cs []condition, i int) (named bool, lost []string) {
	first, hasFault := -1, false
	for j, s := range b.sensors {
		if j != i && (s.device == "" || s.device != b.sensors[i].device || !cs[j].failing) {
			continue
		}
		missing, all := cs[j].missing, s.channels()
		if whole := len(missing) == len(all); !whole && j == i {
			return true, missing // a part of it still answers
		} else if !whole {
			continue
		}
		f := m.open[b.name+"/"+s.name]
		if open := f != nil && len(f.Channels) >= len(all); first < 0 || open && !hasFault {
			first, hasFault = j, open
		}
		lost = append(lost, missing...)
	}
	return first == i, lost
}

// follows reports whether sensor i has just failed and another one of its device is
// about to, because the device failed between their reads.
func (b *bus) follows(cs []condition, i int) bool {
	if cs[i].fails != faultAfter {
		return false
	}
	for j, s := range b.sensors {
		if s.device != "" && s.device == b.sensors[i].device && cs[j].fails > 0 && cs[j].fails < faultAfter {
			return true
		}
	}
	return false
}

// devices counts the devices on the bus.
func (b *bus) devices() int {
	seen := map[string]bool{}
	for _, s := range b.sensors {
		seen[cmp.Or(s.device, s.name)] = true
	}
	return len(seen)
}

// channels are the full names of all channels of the bus.
func (b *bus) channels() (out []string) {
	for _, s := range b.sensors {
		out = append(out, s.channels()...)
	}
	return out
}

// announce opens a fault, or says of an open one that other channels are lost by
// now.
func (m *faultMonitor) announce(key string, f Fault, now time.Time) {
	if old := m.open[key]; old != nil {
		grown := len(f.Channels) > len(old.Channels) && !old.updated // its device failed between two reads
		if slices.Equal(old.Channels, f.Channels) || now.Sub(old.Time) < updateAfter && !grown {
			return
		}
		f.Since, f.updated = old.Since, true
	}
	if f.Since.IsZero() {
		f.Since = now
	}
	f.Open, f.Time, f.Machine = true, now, m.machine(f)
	m.open[key] = &f
	m.found = append(m.found, f)
}

// resume takes over a fault that was opened before this monitor was made, unless it
// is open here.
func (m *faultMonitor) resume(key string, f Fault) {
	if m.open[key] != nil {
		return
	}
	f.Open, f.Machine = true, m.machine(f)
	m.open[key] = &f
}

func (m *faultMonitor) clear(key string, now time.Time) {
	f := m.open[key]
	if f == nil {
		return
	}
	delete(m.open, key)
	closed := *f
	closed.Open, closed.Time, closed.Reason = false, now, "delivers again"
	m.found = append(m.found, closed)
}

// machine is the one machine that uses the fault's sensors; empty = several do.
func (m *faultMonitor) machine(f Fault) string {
	found := ""
	for _, b := range m.buses {
		if b.name != f.Bus {
			continue
		}
		for _, s := range b.sensors {
			if f.Sensor != "" && s.name != f.Sensor {
				continue
			}
			for _, machine := range m.machines[s.name] {
				if found != "" && found != machine {
					return ""
				}
				found = machine
			}
		}
	}
	return found
}

// lastSuccess is when a read of any of the sensors last succeeded; until then the
// bus was in order.
func lastSuccess(cs []condition) (t time.Time) {
	for _, c := range cs {
		if c.since.After(t) {
			t = c.since
		}
	}
	return t
}

// busError is the first error that the bus caused.
func busError(cs []condition) string {
	for _, c := range cs {
		if c.onBus && c.err != nil {
			return c.err.Error()
		}
	}
	return ""
}

package sampler

import (
	"slices"
	"time"
)

// This file changes a Group while it runs, in steps between which its owner closes
// what is no longer used and makes what is new:
//
//	Stop    machines that are to be made anew, or are gone
//	Leave   sensors and buses that the next group does not have
//	Become  the next group
//	Start   the samplers of machines that are new
//
// Whatever both groups have goes on as if nothing had been: ticks, readings, the
// history of the checks, counters, open faults.

// Stop ends the samplers of machines and waits until they have ended. Their rows that
// wait can still be taken.
func (g *Group) Stop(machines ...string) {
	g.mu.Lock()
	var ended []*Sampler
	g.samplers = slices.DeleteFunc(slices.Clone(g.samplers), func(s *Sampler) bool {
		if !slices.Contains(machines, s.name) {
			return false
		}
		ended = append(ended, s)
		return true
	})
	g.mu.Unlock()
	for _, s := range ended {
		if s.stop == nil {
			close(s.frames) // it was never started
			continue
		}
		s.stop()
		<-s.done
		for _, from := range s.sensors {
			from.forget(s.wake)
		}
	}
}

// forget ends the notices of a sampler.
func (s *sensorState) forget(wake chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.notify = slices.DeleteFunc(s.notify, func(c chan<- struct{}) bool { return c == wake })
}

// Leave stops reading what next does not have, and waits until no driver of it is
// called any more; it does not wait longer than grace for a driver that hangs. A
// sensor is had by both groups if its drivers.Sensor is the same. Those that are left
// may then be closed. next is a group that New has made and that nobody has run.
func (g *Group) Leave(next *Group) {
	g.mu.Lock()
	var left []*sensorState
	var ended []*bus
	for _, b := range g.buses {
		n := len(left)
		for _, s := range b.sensors {
			if next.same(s) == nil {
				left = append(left, s)
			}
		}
		if len(left)-n == len(b.sensors) {
			ended = append(ended, b)
		}
	}
	for _, s := range left {
		s.gone.Store(true)
	}
	for _, b := range ended {
		if b.end != nil {
			b.end()
		}
	}
	g.mu.Unlock()
	quiet := make(chan struct{})
	go func() {
		defer close(quiet)
		for _, s := range left {
			s.busy <- struct{}{} // the read under way has ended; gone keeps others from beginning
			<-s.busy
		}
		for _, b := range ended {
			if b.end != nil {
				<-b.done
			}
		}
	}()
	select {
	case <-quiet:
	case <-time.After(grace):
	}
}

// same is the state that the group has of another group's sensor, nil = it does not
// have the sensor, or on another bus.
func (g *Group) same(of *sensorState) *sensorState {
	if s := g.sensors[of.name]; s != nil && s.sensor == of.sensor && s.bus == of.bus {
		return s
	}
	return nil
}

// Become makes the group what next is, after Stop and Leave. A machine that still has
// a Sampler keeps it: all its sensors must be had by both groups. The other machines
// get one, which Start starts. next must not be used any more.
func (g *Group) Become(next *Group) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	sensors := map[string]*sensorState{}
	var buses []*bus
	for _, to := range next.buses {
		from := g.busNamed(to.name)
		var list []*sensorState
		kept := false
		for _, s := range to.sensors {
			if old := g.same(s); old != nil && !old.gone.Load() {
				old.want(s.period)
				s, kept = old, true
			} else {
				s.notify = nil // those of next's samplers
				s.due = g.lastTick(s.period, now)
			}
			sensors[s.name] = s
			list = append(list, s)
		}
		if from == nil || !kept {
			from = to
		}
		from.setSensors(list)
		buses = append(buses, from)
	}
	g.buses, g.sensors, g.derived, g.machines = buses, sensors, next.derived, next.machines
	g.adoptSamplers()
	g.monitor.watch(g.buses, g.machines)
	if g.ctx == nil || g.ctx.Err() != nil {
		return
	}
	for _, b := range g.buses {
		if b.end == nil {
			g.startBus(b)
		}
	}
}

// adoptSamplers gives every machine its Sampler. mu is held.
func (g *Group) adoptSamplers() {
	for _, d := range g.derived {
		clear(d.rows)
	}
	var samplers []*Sampler
	for _, m := range g.machines {
		s := g.sampler(m.Name)
		if s == nil {
			s, _ = newSampler(m, g) // New has made the same one without an error
		} else {
			g.adoptDerived(s)
		}
		samplers = append(samplers, s)
	}
	g.samplers = samplers
}

// adoptDerived lets the derived sensors be shown by the rows of a machine that goes
// on.
func (g *Group) adoptDerived(s *Sampler) {
	for _, c := range s.derived {
		if d := g.derivedNamed(c.sensor); d != nil && d.rows[c.index] == nil {
			d.rows[c.index] = c
		}
	}
}

// Start starts the samplers that Become has made.
func (g *Group) Start() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ctx != nil && g.ctx.Err() == nil {
		g.startSamplers()
	}
}

func (g *Group) busNamed(name string) *bus {
	for _, b := range g.buses {
		if b.name == name {
			return b
		}
	}
	return nil
}

// lastTick is the newest tick of a period: a sensor that is new is read at once.
func (g *Group) lastTick(period time.Duration, now time.Time) time.Time {
	if g.ctx == nil {
		return time.Time{} // Run sets it
	}
	return nextTick(g.epoch, period, now).Add(-period)
}

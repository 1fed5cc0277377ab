package sampler

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Group is every bus and every machine of one gateway. Build it with New, run
// it once with Run. While it runs, Become changes it. Its methods may be called from
// any goroutine; Stop, Leave, Become and Start by one at a time.
type Group struct {
	mu       sync.Mutex // guards all below, what it points to as said there
	buses    []*bus
	samplers []*Sampler
	sensors  map[string]*sensorState
	derived  []*derivedSensor // in the order of New
	machines []MachineSpec
	monitor  *faultMonitor

	ctx      context.Context // of Run; nil = it was not called
	epoch    time.Time       // that all ticks share
	sampling sync.WaitGroup  // samplers and monitor
	reading  sync.WaitGroup  // buses
}

// New checks the specifications against each other and builds the group. Every
// sensor name is unique over all buses and derived sensors.
func New(buses []BusSpec, derived []DerivedSpec, machines []MachineSpec) (*Group, error) {
	g := &Group{sensors: map[string]*sensorState{}}
	for _, bs := range buses {
		if len(bs.Sensors) == 0 {
			continue
		}
		b := &bus{name: bs.Name, wake: make(chan struct{}, 1), done: make(chan struct{})}
		var sensors []*sensorState
		if bs.AtOnce > 1 {
			b.atOnce = make(chan struct{}, bs.AtOnce)
		}
		for _, ss := range bs.Sensors {
			if g.sensors[ss.Name] != nil {
				return nil, fmt.Errorf("sensor %s: named twice", ss.Name)
			}
			if ss.Period <= 0 {
				return nil, fmt.Errorf("sensor %s: period %v, want more than zero", ss.Name, ss.Period)
			}
			if ss.MaxAge != 0 && ss.MaxAge < ss.Period {
				return nil, fmt.Errorf("sensor %s: max age %v, want at least the period %v", ss.Name, ss.MaxAge, ss.Period)
			}
			s, err := newSensorState(bs.Name, ss, bs.Patience)
			if err != nil {
				return nil, err
			}
			g.sensors[ss.Name] = s
			sensors = append(sensors, s)
		}
		b.setSensors(sensors)
		g.buses = append(g.buses, b)
	}
	for _, d := range derived {
		if err := g.addDerived(d); err != nil {
			return nil, fmt.Errorf("sensor %s: %w", d.Name, err)
		}
	}
	for _, m := range machines {
		err := g.check(m)
		if err == nil {
			var s *Sampler
			s, err = newSampler(m, g)
			g.samplers = append(g.samplers, s)
		}
		if err != nil {
			return nil, fmt.Errorf("machine %s: %w", m.Name, err)
		}
	}
	g.machines = machines
	g.monitor = newFaultMonitor(&g.mu, g.buses, machines)
	return g, nil
}

func (g *Group) check(m MachineSpec) error {
	if m.Period <= 0 {
		return fmt.Errorf("period %v, want more than zero", m.Period)
	}
	for _, c := range m.Cells {
		n := 0
		if s := g.sensors[c.Sensor]; s != nil {
			n = len(s.last)
		} else if d := g.derivedNamed(c.Sensor); d != nil {
			n = len(d.Channels)
		} else {
			return fmt.Errorf("sensor %s: unknown", c.Sensor)
		}
		if c.Index < 0 || c.Index >= n {
			return fmt.Errorf("sensor %s: channel %d of %d", c.Sensor, c.Index, n)
		}
	}
	return nil
}

func (g *Group) addDerived(d DerivedSpec) error {
	if g.sensors[d.Name] != nil || g.derivedNamed(d.Name) != nil {
		return errors.New("named twice")
	}
	for _, c := range d.Channels {
		if err := c.Check.valid(); err != nil {
			return fmt.Errorf("channel %s: %w", c.Name, err)
		}
	}
	g.derived = append(g.derived, &derivedSensor{d, make([]*derivedCell, len(d.Channels))})
	return nil
}

func (g *Group) derivedNamed(name string) *derivedSensor {
	for _, d := range g.derived {
		if d.Name == name {
			return d
		}
	}
	return nil
}

// grace is how long nobody waits any longer for a bus that hangs inside a driver.
const grace = 2 * time.Second

// Run samples until ctx is done. It returns when all goroutines have stopped; it
// does not wait longer than grace for a bus that hangs inside a driver.
func (g *Group) Run(ctx context.Context) {
	g.mu.Lock()
	g.ctx, g.epoch = ctx, time.Now()
	for _, b := range g.buses {
		for _, s := range b.sensors {
			s.due = g.epoch // at once: else the machine of a slow sensor would wait a period for its first value
		}
		g.startBus(b)
	}
	g.startSamplers()
	g.sampling.Go(func() { g.monitor.run(ctx) })
	g.mu.Unlock()
	<-ctx.Done()
	g.awaitChange()
	g.sampling.Wait()
	stopped := make(chan struct{})
	go func() { g.reading.Wait(); close(stopped) }()
	select {
	case <-stopped:
	case <-time.After(grace):
	}
}

// awaitChange returns when a change of the group under way has finished. After
// the end of g.ctx, no change starts a goroutine.
func (g *Group) awaitChange() {
	g.mu.Lock()
	defer g.mu.Unlock()
}

// startBus starts to read a bus. mu is held.
func (g *Group) startBus(b *bus) {
	ctx, end := context.WithCancel(g.ctx)
	b.end = end
	epoch := g.epoch
	g.reading.Go(func() {
		defer close(b.done)
		b.run(ctx, epoch)
	})
}

// startSamplers starts those that were not started yet. mu is held.
func (g *Group) startSamplers() {
	for _, s := range g.samplers {
		if s.stop != nil {
			continue
		}
		ctx, stop := context.WithCancel(g.ctx)
		s.stop = stop
		epoch := g.epoch
		g.sampling.Go(func() { s.run(ctx, epoch) })
	}
}

// Sampler returns the machine's sampler, nil where there is none.
func (g *Group) Sampler(machine string) *Sampler {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.sampler(machine)
}

func (g *Group) sampler(machine string) *Sampler {
	for _, s := range g.samplers {
		if s.name == machine {
			return s
		}
	}
	return nil
}

// Faults delivers sensor and bus faults as they open and close.
func (g *Group) Faults() <-chan Fault { return g.monitor.faults }

// Resume continues a fault that was open before this group was made: the fault
// closes once the sensor, or the bus, delivers. One that is open in this group just
// goes on. It returns false if there is no such sensor or bus.
func (g *Group) Resume(bus bool, name string, since time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, b := range g.buses {
		if bus && b.name == name {
			g.monitor.resume(b.name, Fault{Bus: b.name, Since: since, Channels: b.channels()})
			return true
		}
		for _, s := range b.sensors {
			if !bus && s.name == name {
				g.monitor.resume(b.name+"/"+s.name, Fault{Bus: b.name, Sensor: s.name, Since: since, Channels: s.channels()})
				return true
			}
		}
	}
	return false
}

// Has tells whether there is a sensor of that name that is read, or a bus.
func (g *Group) Has(bus bool, name string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if bus {
		return g.busNamed(name) != nil
	}
	return g.sensors[name] != nil
}

// Readings copies the newest reading of every sensor, bus by bus, and then those of
// the derived ones.
func (g *Group) Readings() []Reading {
	g.mu.Lock()
	defer g.mu.Unlock()
	var rs []Reading
	for _, b := range g.buses {
		for _, s := range b.sensors {
			rs = append(rs, s.reading())
		}
	}
	for _, d := range g.derived {
		rs = append(rs, d.reading(rs))
	}
	return rs
}

// Stats copies the counters of every bus.
func (g *Group) Stats() []BusStats {
	g.mu.Lock()
	defer g.mu.Unlock()
	out := make([]BusStats, 0, len(g.buses))
	for _, b := range g.buses {
		out = append(out, b.stats())
	}
	return out
}

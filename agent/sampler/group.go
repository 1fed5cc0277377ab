package sampler

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Group is every bus and every machine of one gateway. Build it with New, run
// it once with Run.
type Group struct {
	buses    []*bus
	samplers []*Sampler
	slots    map[string]*slot
	watch    *watcher
}

// New checks the specifications against each other and builds the group. Every
// sensor name is unique over all buses.
func New(buses []BusSpec, machines []MachineSpec) (*Group, error) {
	g := &Group{slots: map[string]*slot{}}
	for _, bs := range buses {
		if len(bs.Sensors) == 0 {
			continue
		}
		b := &bus{name: bs.Name}
		if bs.AtOnce > 1 {
			b.atOnce = make(chan struct{}, bs.AtOnce)
		}
		for _, ss := range bs.Sensors {
			if g.slots[ss.Name] != nil {
				return nil, fmt.Errorf("sensor %s: named twice", ss.Name)
			}
			if ss.Period <= 0 {
				return nil, fmt.Errorf("sensor %s: period %v, want more than zero", ss.Name, ss.Period)
			}
			if ss.MaxAge != 0 && ss.MaxAge < ss.Period {
				return nil, fmt.Errorf("sensor %s: max age %v, want at least the period %v", ss.Name, ss.MaxAge, ss.Period)
			}
			s, err := newSlot(bs.Name, ss, bs.Patience)
			if err != nil {
				return nil, err
			}
			g.slots[ss.Name] = s
			b.slots = append(b.slots, s)
		}
		g.buses = append(g.buses, b)
	}
	for _, m := range machines {
		if err := g.check(m); err != nil {
			return nil, fmt.Errorf("machine %s: %w", m.Name, err)
		}
		g.samplers = append(g.samplers, newSampler(m, g.slots))
	}
	g.watch = newWatcher(g.buses, machines)
	return g, nil
}

func (g *Group) check(m MachineSpec) error {
	if m.Period <= 0 {
		return fmt.Errorf("period %v, want more than zero", m.Period)
	}
	for _, c := range m.Cells {
		s := g.slots[c.Sensor]
		if s == nil {
			return fmt.Errorf("sensor %s: unknown", c.Sensor)
		}
		if c.Index < 0 || c.Index >= len(s.held) {
			return fmt.Errorf("sensor %s: channel %d of %d", c.Sensor, c.Index, len(s.held))
		}
	}
	return nil
}

// Run samples until ctx is done and returns when every goroutine that can be
// stopped has stopped; a bus that hangs inside a driver is left behind after
// grace.
func (g *Group) Run(ctx context.Context) {
	const grace = 2 * time.Second
	epoch := time.Now()
	var ours, theirs sync.WaitGroup
	for _, b := range g.buses {
		theirs.Go(func() { b.run(ctx, epoch) })
	}
	for _, s := range g.samplers {
		ours.Go(func() { s.run(ctx, epoch) })
	}
	ours.Go(func() { g.watch.run(ctx) })
	ours.Wait()
	stopped := make(chan struct{})
	go func() { theirs.Wait(); close(stopped) }()
	select {
	case <-stopped:
	case <-time.After(grace):
	}
}

// Sampler returns the machine's sampler, nil where there is none.
func (g *Group) Sampler(machine string) *Sampler {
	for _, s := range g.samplers {
		if s.name == machine {
			return s
		}
	}
	return nil
}

// Faults delivers sensor and bus faults as they open and close.
func (g *Group) Faults() <-chan Fault { return g.watch.faults }

// Resume continues a fault that was open before this group was made: it closes
// once the sensor, or the bus, delivers. It reports false where there is no such
// sensor or bus. Call it before Run.
func (g *Group) Resume(bus bool, name string, since time.Time) bool {
	for _, b := range g.buses {
		if bus && b.name == name {
			g.watch.resume(b.name, Fault{Bus: b.name, Since: since, Channels: g.watch.channels(b.slots)})
			return true
		}
		for _, s := range b.slots {
			if !bus && s.name == name {
				g.watch.resume(b.name+"/"+s.name, Fault{Bus: b.name, Sensor: s.name, Since: since, Channels: g.watch.channels([]*slot{s})})
				return true
			}
		}
	}
	return false
}

// Readings copies the newest reading of every sensor, bus by bus.
func (g *Group) Readings() []Reading {
	var rs []Reading
	for _, b := range g.buses {
		for _, s := range b.slots {
			rs = append(rs, s.reading())
		}
	}
	return rs
}

// BusStats counts what went wrong on one bus.
type BusStats struct {
	Bus      string
	Overruns uint64 // ticks skipped because a read took longer than the period
	Panics   uint64
}

// Stats copies the counters of every bus.
func (g *Group) Stats() []BusStats {
	out := make([]BusStats, 0, len(g.buses))
	for _, b := range g.buses {
		out = append(out, BusStats{b.name, b.overruns.Load(), b.panics.Load()})
	}
	return out
}

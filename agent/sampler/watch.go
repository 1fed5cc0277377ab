package sampler

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"iot-edge-anomaly/drivers"
)

// A fault opens after this many failed reads in a row, or when a read has been
// under way for two periods and the bus's patience, so that it is seen within
// three, and closes after as many good ones: one lost answer on a noisy line is
// nobody's alarm.
const (
	faultAfter = 3
	clearAfter = 3
)

// Values that come too late for their rows are a fault when more than a third of
// the readings were late for so long, five in a row at the least: a gateway with
// much to do is late now and then.
const (
	lateFull = 10 // two for each
	lateFor  = 30 * time.Second
)

// retellAfter is the least time between two tellings of one open fault: of a
// device that refuses some registers only now and then.
const retellAfter = time.Minute

// settleAfter is how long after a bus is back its sensors may take to follow:
// a unit that was silent is asked again after pauses of up to 30 s.
const settleAfter = 40 * time.Second

// watcher looks at the slots from outside, so that a bus goroutine which hangs
// is seen too.
type watcher struct {
	buses  []*bus
	users  map[string][]string  // sensor -> machines that use it
	open   map[string]*Fault    // by bus or "bus/sensor"
	back   map[string]time.Time // when the bus's fault closed
	leads  map[string]int       // by bus: the slot that tells that values come too late
	faults chan Fault
	every  time.Duration
}

func newWatcher(buses []*bus, machines []MachineSpec) *watcher {
	w := &watcher{buses: buses, users: map[string][]string{}, open: map[string]*Fault{}, back: map[string]time.Time{}, leads: map[string]int{},
		faults: make(chan Fault, 64), every: time.Second}
	for _, m := range machines {
		for _, c := range m.Cells {
			if !slices.Contains(w.users[c.Sensor], m.Name) {
				w.users[c.Sensor] = append(w.users[c.Sensor], m.Name)
			}
		}
		w.every = min(w.every, m.Period)
	}
	w.every = max(w.every, 50*time.Millisecond)
	return w
}

func (w *watcher) run(ctx context.Context) {
	defer close(w.faults)
	tick := time.NewTicker(w.every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			for _, b := range w.buses {
				w.look(ctx, b, now)
			}
		}
	}
}

// verdict is what the watcher thinks of one slot.
type verdict struct {
	failing, well bool      // neither: not decided yet
	heard         bool      // the device has answered lately, if without all its values
	onBus         bool      // the cause is the bus
	hung          bool      // a read is under way for too long
	silent        bool      // the newest read had no answer
	late          bool      // it brings values, too late for their rows
	fails         int       // reads in a row
	since         time.Time // of the last good read; zero = there was none
	err           error
}

func (s *slot) verdict(now time.Time) verdict {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.hung(now); err != nil {
		return verdict{failing: true, onBus: true, hung: true, since: s.lastGood, err: err}
	}
	return verdict{failing: s.fails >= faultAfter, well: s.oks >= clearAfter, heard: s.heard >= clearAfter, onBus: errors.Is(s.err, drivers.ErrBus),
		late: s.late(), silent: s.err != nil && reasonOf(s.err) == reasonTimeout, fails: s.fails, since: s.lastGood, err: s.err}
}

// hung is the error of a read that is under way for too long, or nil. mu is
// held.
func (s *slot) hung(now time.Time) error {
	d := now.Sub(s.started)
	if s.started.IsZero() || d <= s.hangs {
		return nil
	}
	return fmt.Errorf("%w: a read is under way for %v", drivers.ErrBus, d.Round(time.Millisecond))
}

// look opens and closes the faults of one bus. When a read hangs, which holds up
// all its sensors, when all of them fail and the bus is the cause, or when none
// of several devices answers, as after a cut wire, that is one fault of the bus,
// not one of each sensor.
func (w *watcher) look(ctx context.Context, b *bus, now time.Time) {
	vs := make([]verdict, len(b.slots))
	allFail, onBus, anyWell, anyHeard, hung, silent := true, false, false, false, false, true
	for i, s := range b.slots {
		vs[i] = s.verdict(now)
		allFail = allFail && (vs[i].failing || !s.tried())
		onBus = onBus || (vs[i].failing && vs[i].onBus)
		anyWell = anyWell || vs[i].well
		anyHeard = anyHeard || vs[i].heard
		hung = hung || vs[i].hung
		silent = silent && vs[i].silent
	}
	silent = silent && b.devices() > 1
	if hung || allFail && (onBus || silent) {
		f := Fault{Bus: b.name, Since: latest(vs), Reason: firstError(vs), Channels: w.channels(b.slots)}
		if silent {
			f.Reason = fmt.Sprintf("none of %d devices answers: %v", b.devices(), vs[0].err)
		}
		w.set(ctx, b.name, f, now)
	} else if anyHeard && w.open[b.name] != nil {
		w.clear(ctx, b.name, now)
		w.back[b.name] = now
	}
	leader := w.leader(b, vs)
	for i, s := range b.slots {
		key := b.name + "/" + s.name
		switch {
		case i == leader:
			w.set(ctx, key, w.behind(b, vs, s), now)
		case vs[i].well:
			w.clear(ctx, key, now)
		case vs[i].onBus && !anyWell: // the bus's fault; the others may not have been read yet
		case silent && !anyWell && vs[i].fails < 2*faultAfter: // the others may fall silent for good too
		case vs[i].failing && w.open[b.name] == nil && now.Sub(w.back[b.name]) > settleAfter:
			leads, lost := w.together(b, vs, i)
			if !leads {
				continue
			}
			w.set(ctx, key, Fault{Bus: b.name, Sensor: s.name, Since: vs[i].since, Reason: vs[i].err.Error(), Channels: lost}, now)
		}
	}
}

// together lists the channels lost to the fault of slot i: those of every other
// part of its device too, if they all failed as a whole. One of them leads, the
// first or, where the device died between two of them, that whose fault is open
// already; the fault is in its name.
func (w *watcher) together(b *bus, vs []verdict, i int) (leads bool, lost []string) {
	leader, told := -1, false
	for j, s := range b.slots {
		if j != i && (s.device == "" || s.device != b.slots[i].device || !vs[j].failing) {
			continue
		}
		missing, all := s.missing(), w.channels([]*slot{s})
		if whole := len(missing) == len(all); !whole && j == i {
			return true, missing // a part of it answers
		} else if !whole {
			continue
		}
		f := w.open[b.name+"/"+s.name]
		if open := f != nil && len(f.Channels) >= len(all); leader < 0 || open && !told {
			leader, told = j, open
		}
		lost = append(lost, missing...)
	}
	return leader == i, lost
}

// devices counts who is on the bus.
func (b *bus) devices() int {
	seen := map[string]bool{}
	for _, s := range b.slots {
		seen[cmp.Or(s.device, s.name)] = true
	}
	return len(seen)
}

// tried tells whether the sensor was ever read.
func (s *slot) tried() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reads > 0 || !s.started.IsZero()
}

// set opens a fault, or tells that an open one takes other channels by now.
func (w *watcher) set(ctx context.Context, key string, f Fault, now time.Time) {
	if old := w.open[key]; old != nil {
		grown := len(f.Channels) > len(old.Channels) && !old.retold // its device died between two reads
		if slices.Equal(old.Channels, f.Channels) || now.Sub(old.Time) < retellAfter && !grown {
			return
		}
		f.Since, f.retold = old.Since, true
	}
	if f.Since.IsZero() {
		f.Since = now
	}
	f.Open, f.Time, f.Machine = true, now, w.machine(f)
	w.open[key] = &f
	w.send(ctx, f)
}

// resume takes over a fault that somebody else opened.
func (w *watcher) resume(key string, f Fault) {
	f.Open, f.Machine = true, w.machine(f)
	w.open[key] = &f
}

func (w *watcher) clear(ctx context.Context, key string, now time.Time) {
	f := w.open[key]
	if f == nil {
		return
	}
	delete(w.open, key)
	closed := *f
	closed.Open, closed.Time, closed.Reason = false, now, "delivers again"
	w.send(ctx, closed)
}

// send waits when the reporter is slow: faults are few and none may be lost.
func (w *watcher) send(ctx context.Context, f Fault) {
	select {
	case w.faults <- f:
	case <-ctx.Done():
	}
}

// machine is the one machine that uses the fault's sensors, empty for several.
func (w *watcher) machine(f Fault) string {
	found := ""
	for _, b := range w.buses {
		if b.name != f.Bus {
			continue
		}
		for _, s := range b.slots {
			if f.Sensor != "" && s.name != f.Sensor {
				continue
			}
			for _, m := range w.users[s.name] {
				if found != "" && found != m {
					return ""
				}
				found = m
			}
		}
	}
	return found
}

// missing lists the full names of the channels to which the newest attempt
// brought no value, or one that cannot be.
func (s *slot) missing() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for i, c := range s.sensor.Channels() {
		if m := s.held[i]; m.at.IsZero() || !m.read.Equal(s.at) || m.quality == Bad {
			out = append(out, s.name+"."+c.Name)
		}
	}
	return out
}

// channels lists the full channel names of the slots.
func (w *watcher) channels(slots []*slot) []string {
	var out []string
	for _, s := range slots {
		for _, c := range s.sensor.Channels() {
			out = append(out, s.name+"."+c.Name)
		}
	}
	return out
}

// latest is when a read last ended well; until then the bus was in order.
func latest(vs []verdict) (t time.Time) {
	for _, v := range vs {
		if v.since.After(t) {
			t = v.since
		}
	}
	return t
}

func firstError(vs []verdict) string {
	for _, v := range vs {
		if v.onBus && v.err != nil {
			return v.err.Error()
		}
	}
	return ""
}

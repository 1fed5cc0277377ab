package sampler

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// BusSpec is one physical bus with the sensors on it, read in this order.
type BusSpec struct {
	Name    string
	Sensors []SensorSpec
	// Patience is a little more than the longest time that the drivers wait by
	// themselves. A read counts as hanging after Patience, or after two periods of
	// its sensor if that is longer, of which at most 30 s count.
	Patience time.Duration
	// AtOnce is how many sensors may be read at the same time, on a bus that is
	// no shared medium but several connections; 0 and 1 = one after the other.
	AtOnce int
}

// bus reads its sensors until it is ended. Only run calls their drivers.
type bus struct {
	name     string
	atOnce   chan struct{} // nil = one after the other
	overruns atomic.Uint64
	panics   atomic.Uint64

	sensors []*sensorState // guarded by mu of the Group; never changed, only replaced

	mu   sync.Mutex
	list []*sensorState // sensors, as run takes it
	wake chan struct{}  // list was replaced
	end  context.CancelFunc
	done chan struct{} // closed when run has ended
}

// setSensors replaces the sensors. mu of the Group is held, or the bus is new.
func (b *bus) setSensors(sensors []*sensorState) {
	b.sensors = sensors
	b.mu.Lock()
	b.list = sensors
	b.mu.Unlock()
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// present are the sensors that are still to be read.
func (b *bus) present(list []*sensorState) []*sensorState {
	b.mu.Lock()
	defer b.mu.Unlock()
	list = list[:0]
	for _, s := range b.list {
		if !s.gone.Load() {
			list = append(list, s)
		}
	}
	return list
}

// BusStats are the counters of one bus since New.
type BusStats struct {
	Bus      string
	Overruns uint64 // reads skipped because the one before took longer than the period
	Panics   uint64 // of drivers
}

func (b *bus) stats() BusStats { return BusStats{b.name, b.overruns.Load(), b.panics.Load()} }

// run reads every due sensor at its tick until ctx is done. Ticks that passed
// while a read was late are skipped and counted; they are not made up for.
func (b *bus) run(ctx context.Context, epoch time.Time) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var sensors []*sensorState
	for ctx.Err() == nil {
		sensors = b.present(sensors)
		next := time.Now().Add(time.Hour)
		for _, s := range sensors {
			s.setPeriod(epoch)
			if s.due.Before(next) {
				next = s.due
			}
		}
		timer.Reset(time.Until(next))
		select {
		case <-ctx.Done():
			return
		case <-b.wake:
			continue
		case <-timer.C:
		}
		b.readDue(ctx, sensors, next, false)
		b.readDue(ctx, sensors, next, true)
	}
}

// readDue reads the sensors that are due: those that failed last time, or the
// others. A failing sensor may take as long as its timeout, so it is read after
// the others.
func (b *bus) readDue(ctx context.Context, sensors []*sensorState, now time.Time, failing bool) {
	var wg sync.WaitGroup
	defer wg.Wait()
	for _, s := range sensors {
		if s.due.After(now) || s.failing() != failing || ctx.Err() != nil {
			continue
		}
		if b.atOnce == nil {
			b.read(ctx, s)
			continue
		}
		b.atOnce <- struct{}{}
		wg.Go(func() {
			b.read(ctx, s)
			<-b.atOnce
		})
	}
}

// read reads a sensor once and publishes the outcome, unless the sensor has gone.
func (b *bus) read(ctx context.Context, s *sensorState) {
	s.busy <- struct{}{}
	defer func() { <-s.busy }()
	if s.gone.Load() {
		return
	}
	tick, start := s.due, time.Now()
	s.mu.Lock()
	s.started = start
	s.mu.Unlock()

	err := b.guarded(ctx, s)
	end := time.Now()

	s.record(tick, start, end, err)
	s.due = s.due.Add(s.period)
	s.countLate(tick, !s.due.After(end))
	if !s.due.After(end) {
		skipped := end.Sub(s.due)/s.period + 1
		b.overruns.Add(uint64(skipped))
		s.due = s.due.Add(skipped * s.period)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.notify {
		select {
		case c <- struct{}{}:
		default: // the sampler has a wake-up waiting already
		}
	}
}

// errPanic marks a driver that panicked: a software fault, confined to its sensor.
var errPanic = errors.New("driver panicked")

// The pause of a sensor whose driver panicked; it doubles with each panic in a row.
const (
	restFirst = time.Second
	restMost  = 5 * time.Minute
)

// guarded reads the sensor and turns a panic into an error, so that a faulty
// driver costs one sensor and not the gateway. The sensor rests for a while then.
func (b *bus) guarded(ctx context.Context, s *sensorState) (err error) {
	fillNaN(s.buf)
	if s.panicked != nil && time.Now().Before(s.restsUntil) {
		return s.panicked
	}
	defer func() {
		r := recover()
		if r == nil {
			s.panicked, s.rest = nil, 0
			return
		}
		b.panics.Add(1)
		fillNaN(s.buf)
		s.rest = min(max(2*s.rest, restFirst), restMost)
		s.restsUntil = time.Now().Add(s.rest)
		s.panicked = fmt.Errorf("read %s: %w: %v", s.name, errPanic, r)
		err = s.panicked
		slog.Error("driver panicked", "sensor", s.name, "panic", r, "again_in", s.rest, "stack", string(debug.Stack()))
	}()
	return s.sensor.Read(ctx, s.buf)
}

// nextTick is the first tick of the period at or after now.
func nextTick(epoch time.Time, period time.Duration, now time.Time) time.Time {
	n := (now.Sub(epoch) + period - 1) / period
	return epoch.Add(n * period)
}

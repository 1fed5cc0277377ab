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

	"iot-edge-anomaly/drivers"
)

// SensorSpec is one sensor and how often it is read.
type SensorSpec struct {
	Name   string
	Sensor drivers.Sensor
	Period time.Duration
}

// BusSpec is one physical bus with the sensors on it, read in this order.
type BusSpec struct {
	Name    string
	Sensors []SensorSpec
	// Patience is how long a read may take before the bus counts as hanging,
	// at least three periods: the longest that its drivers wait by themselves,
	// and some.
	Patience time.Duration
}

// Reading is the newest attempt at one sensor, for people and metrics.
type Reading struct {
	Bus, Sensor string
	Values      []float64 // as read, before any range check; NaN = missing
	At          time.Time // end of the newest attempt; zero = none yet
	LastGood    time.Time // end of the newest attempt without an error
	Latency     time.Duration
	Err         error
	Reads       uint64
	Errors      uint64
}

// slot is the newest reading of one sensor. The bus goroutine writes it, every
// sampler reads it; mu guards the fields below it.
type slot struct {
	bus    string
	name   string
	sensor drivers.Sensor
	period time.Duration
	buf    []float64 // the bus goroutine's own
	notify []chan<- struct{}
	hangs  time.Duration // a read that takes longer is a fault of the bus
	due    time.Time     // the bus goroutine's own: next tick

	mu       sync.Mutex
	values   []float64
	tick     time.Time // the tick the values belong to
	started  time.Time // of the attempt under way; zero = none
	at       time.Time
	lastGood time.Time
	latency  time.Duration
	err      error
	fails    int // consecutive
	oks      int // consecutive
	reads    uint64
	errs     uint64
}

func newSlot(bus string, s SensorSpec, patience time.Duration) *slot {
	n := len(s.Sensor.Channels())
	return &slot{bus: bus, hangs: max(patience, faultAfter*s.Period), name: s.Name, sensor: s.Sensor, period: s.Period,
		buf: make([]float64, n), values: make([]float64, n)}
}

// bus reads its slots for ever. Only run touches the sensors.
type bus struct {
	name     string
	slots    []*slot
	overruns atomic.Uint64
	panics   atomic.Uint64
}

// run reads every due slot at its tick until ctx is done. Ticks that passed
// while a read was late are skipped and counted, never made up for.
func (b *bus) run(ctx context.Context, epoch time.Time) {
	for _, s := range b.slots {
		s.due = nextTick(epoch, s.period, time.Now())
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		next := b.slots[0].due
		for _, s := range b.slots[1:] {
			if s.due.Before(next) {
				next = s.due
			}
		}
		timer.Reset(time.Until(next))
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		for _, s := range b.slots {
			if !s.due.After(next) && ctx.Err() == nil {
				b.read(ctx, s)
			}
		}
	}
}

// read makes one attempt at a sensor and publishes what came of it.
func (b *bus) read(ctx context.Context, s *slot) {
	tick, start := s.due, time.Now()
	s.mu.Lock()
	s.started = start
	s.mu.Unlock()

	err := b.guarded(ctx, s)
	end := time.Now()

	s.mu.Lock()
	s.started = time.Time{}
	copy(s.values, s.buf)
	s.tick, s.at, s.latency, s.err = tick, end, end.Sub(start), err
	s.reads++
	if err != nil {
		s.errs++
		s.fails, s.oks = s.fails+1, 0
	} else {
		s.lastGood = end
		s.fails, s.oks = 0, s.oks+1
	}
	s.mu.Unlock()

	s.due = s.due.Add(s.period)
	if !s.due.After(end) {
		skipped := end.Sub(s.due)/s.period + 1
		b.overruns.Add(uint64(skipped))
		s.due = s.due.Add(skipped * s.period)
	}
	for _, c := range s.notify {
		select {
		case c <- struct{}{}:
		default: // the sampler has a wake-up waiting already
		}
	}
}

// errPanic marks a driver that panicked: a software fault, kept to its sensor.
var errPanic = errors.New("driver panicked")

// guarded reads the sensor and turns a panic into an error, so that one bad
// driver costs one sensor and not the gateway.
func (b *bus) guarded(ctx context.Context, s *slot) (err error) {
	defer func() {
		if r := recover(); r != nil {
			b.panics.Add(1)
			fill(s.buf)
			err = fmt.Errorf("read %s: %w: %v", s.name, errPanic, r)
			slog.Error("driver panicked", "sensor", s.name, "panic", r, "stack", string(debug.Stack()))
		}
	}()
	fill(s.buf)
	return s.sensor.Read(ctx, s.buf)
}

// nextTick is the first tick of the period at or after now.
func nextTick(epoch time.Time, period time.Duration, now time.Time) time.Time {
	n := (now.Sub(epoch) + period - 1) / period
	return epoch.Add(n * period)
}

// reading copies what is known of the slot.
func (s *slot) reading() Reading {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Reading{Bus: s.bus, Sensor: s.name, Values: append([]float64(nil), s.values...), At: s.at,
		LastGood: s.lastGood, Latency: s.latency, Err: s.err, Reads: s.reads, Errors: s.errs}
}

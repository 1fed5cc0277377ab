package sampler

import (
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"iot-edge-anomaly/drivers"
)

// ageFactor is the default of MaxAge, in periods, of a sensor that is slower than
// its machine: its next reading is due after one period and may be half a period
// late.
const ageFactor = 1.5

// sensorState is what is known of one sensor. The bus goroutine writes it and
// every sampler reads it; mu guards the fields below it.
type sensorState struct {
	bus      string
	device   string // empty = the sensor itself
	name     string
	sensor   drivers.Sensor
	maxAge   time.Duration // 0 = by the machine's period
	patience time.Duration // of the bus

	busy chan struct{} // full while the driver reads
	gone atomic.Bool   // the driver must not be called any more

	made time.Time // when the sensor was configured as it is

	// Used by the bus goroutine only.
	due      time.Time // next tick
	buf      []float64
	checkers []checker
	flags    []Quality
	doubts   []Doubt
	counts   []float64 // of counters, as read

	panicked   error // of the driver, at its newest read; nil = it did not panic
	rest       time.Duration
	restsUntil time.Time

	period time.Duration // written by the bus goroutine, with mu held

	mu       sync.Mutex
	wanted   time.Duration // the period from now on
	notify   []chan<- struct{}
	last     []lastValue
	tick     time.Time // of the newest read
	started  time.Time // of the read under way; zero = none
	at       time.Time // end of the newest read
	lastGood time.Time // end of the newest read without an error
	brought  time.Time // end of the newest read that brought a value
	latency  time.Duration
	err      error
	fails    int // consecutive
	oks      int // consecutive
	answers  int // consecutive reads that the device answered, in whatever way
	silences int // consecutive reads that it did not answer
	reads    uint64
	errs     [len(Reasons)]uint64
	lateness lateness
}

// lastValue is the newest value of one channel.
type lastValue struct {
	at      time.Time // of the measurement; zero = none
	read    time.Time // end of the read that brought it: at, or later if the value was overheard
	value   float64
	count   float64 // of a counter, as read; value is its rate
	quality Quality // Good, Suspect or Bad
	doubt   Doubt
}

// longHang limits how long a read of a slow sensor may take on a bus without a
// greater patience: the period of such a sensor says nothing about its reads.
const longHang = 30 * time.Second

func newSensorState(bus string, s SensorSpec, patience time.Duration) (*sensorState, error) {
	checkers, err := newCheckers(s)
	if err != nil {
		return nil, err
	}
	n := len(checkers)
	return &sensorState{made: time.Now(), busy: make(chan struct{}, 1), bus: bus, device: s.Device, patience: patience, name: s.Name, sensor: s.Sensor, period: s.Period, wanted: s.Period, maxAge: s.MaxAge,
		buf: make([]float64, n), checkers: checkers, flags: make([]Quality, n), doubts: make([]Doubt, n), counts: make([]float64, n), last: make([]lastValue, n)}, nil
}

// setPeriod takes the wanted period from the read that is due on: its first tick is
// the first one that no machine has waited for yet. Only the bus goroutine calls it.
func (s *sensorState) setPeriod(epoch time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.wanted != s.period {
		s.period = s.wanted
		s.due = nextTick(epoch, s.period, s.due)
	}
}

// want sets the period from the next read on.
func (s *sensorState) want(period time.Duration) {
	s.mu.Lock()
	s.wanted = period
	s.mu.Unlock()
}

// readPeriod is the period at which the sensor is read.
func (s *sensorState) readPeriod() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.period
}

// hangLimit is how long a read may take before it is a fault of the bus. The caller
// holds mu.
func (s *sensorState) hangLimit() time.Duration {
	return max(s.patience, min(2*s.period, longHang))
}

// record takes the outcome of the read for tick, which took from start to end.
func (s *sensorState) record(tick, start, end time.Time, err error) {
	for i, v := range s.buf {
		s.counts[i] = math.NaN()
		if at := s.measuredAt(i, end); s.repeats(i, v, at) {
			l := &s.last[i]
			s.buf[i], s.counts[i], s.flags[i], s.doubts[i] = l.value, l.count, l.quality, l.doubt
		} else {
			s.flag(i, at, v)
		}
		if s.flags[i] == Missing && err == nil {
			s.flags[i] = none
		}
	}
	if err != nil {
		s.explain(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.started = time.Time{}
	for i, q := range s.flags {
		switch q {
		case none:
			s.last[i] = lastValue{read: end, count: s.counts[i], doubt: s.doubts[i]}
		case Missing: // the value before it may still be used
		default:
			s.last[i] = lastValue{s.measuredAt(i, end), end, s.buf[i], s.counts[i], q, s.doubts[i]}
			s.brought = end
		}
	}
	s.tick, s.at, s.latency, s.err = tick, end, end.Sub(start), err
	s.reads++
	if s.answers++; err != nil && !drivers.OnlyLater(err) {
		reason := reasonOf(err)
		if s.silences++; reason != reasonDevice {
			s.answers = 0
		} else {
			s.silences = 0
		}
		s.errs[reason]++
		s.fails, s.oks = s.fails+1, 0
		return
	}
	s.lastGood = end
	s.fails, s.silences, s.oks = 0, 0, s.oks+1
}

// flag checks a channel's value; of a counter, its rate.
func (s *sensorState) flag(channel int, at time.Time, v float64) {
	c := &s.checkers[channel]
	if c.tally != nil && !math.IsInf(v, 0) {
		s.counts[channel] = v
		var d Doubt
		if v, d = c.tally.read(at, v); d != NoDoubt {
			s.buf[channel], s.flags[channel], s.doubts[channel] = v, none, d
			return
		}
		s.buf[channel] = v
	}
	s.flags[channel], s.doubts[channel] = c.flag(at, v)
}

// aged is a sensor whose values were not measured during its Read.
type aged interface {
	// Age is how old the channel's newest value was when the newest Read ended.
	Age(channel int) time.Duration
}

// measuredAt is when a channel's value was measured that a read ending at end
// brought.
func (s *sensorState) measuredAt(channel int, end time.Time) time.Time {
	if a, ok := s.sensor.(aged); ok {
		return end.Add(-a.Age(channel))
	}
	return end
}

// sameTime is how far apart the times of one measurement can seem in two reads: Age
// is taken inside the read, and the read ends a little later.
const sameTime = 20 * time.Millisecond

// repeats tells whether a value is the measurement that the read before brought too,
// as of a sensor that others publish for. It is checked once: otherwise a single wild
// value would soon be believed, because it agrees with itself.
func (s *sensorState) repeats(channel int, v float64, at time.Time) bool {
	if _, ok := s.sensor.(aged); !ok {
		return false
	}
	l := &s.last[channel] // no other goroutine writes it
	same := v == l.value
	if s.checkers[channel].tally != nil {
		same = v == l.count
	}
	return same && !l.at.IsZero() && at.Sub(l.at).Abs() < sameTime
}

// none flags a channel of which the device itself says that it has no value: the
// value before it must not be used any longer.
const none Quality = 0

// explain corrects the flags of the channels that an error names: those without
// a value, those whose value is impossible, and those whose value may be that of
// something else.
func (s *sensorState) explain(err error) {
	if p, ok := err.(*drivers.PartError); ok && p.Doubtful {
		for i, c := range s.sensor.Channels() {
			if s.flags[i] == Good && slices.Contains(p.Channels, c.Name) {
				s.flags[i], s.doubts[i] = Suspect, Unproven
			}
		}
		return
	}
	if v, ok := err.(*drivers.ValueError); ok {
		for i, c := range s.sensor.Channels() {
			switch {
			case c.Name != v.Channel || s.flags[i] != Missing:
			case v.Bad:
				s.flags[i] = Bad
			default:
				s.flags[i] = none
			}
		}
		return
	}
	switch e := err.(type) {
	case *drivers.PartError:
		for i, c := range s.sensor.Channels() {
			if e.Gone && s.flags[i] == Missing && slices.Contains(e.Channels, c.Name) {
				s.flags[i] = none
			}
		}
		s.explain(e.Err)
	case interface{ Unwrap() error }:
		if e := e.Unwrap(); e != nil {
			s.explain(e)
		}
	case interface{ Unwrap() []error }:
		for _, e := range e.Unwrap() {
			s.explain(e)
		}
	}
}

// fresh tells whether the newest read is the one for tick. The caller holds
// s.mu.
func (s *sensorState) fresh(tick time.Time) bool { return s.tick.After(tick.Add(-s.period)) }

// usableFor is how long after its measurement a value may be used in the rows of
// a machine with the given period; 0 = only in the row that it was read for.
func (s *sensorState) usableFor(period time.Duration) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.maxAge == 0 && s.wanted > period {
		return time.Duration(ageFactor * float64(s.wanted))
	}
	return s.maxAge
}

// valueAt is a channel's newest value at a row's tick, flagged Stale or Missing
// where the row must not use it. maxAge is that of usableFor.
func (s *sensorState) valueAt(tick time.Time, channel int, maxAge time.Duration) lastValue {
	s.mu.Lock()
	v, fresh, newest := s.last[channel], s.fresh(tick), s.at
	s.mu.Unlock()
	switch {
	case v.at.IsZero():
		v.quality = Missing
	case maxAge > 0:
		if tick.Sub(v.at) > maxAge {
			v.quality = Stale
		}
	case !fresh:
		v.quality = Stale // no read has ended for this row
	case !v.read.Equal(newest):
		v.quality = Missing // the read for this row brought none
	}
	return v
}

// reading copies what is known of the sensor.
func (s *sensorState) reading() Reading {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := Reading{Late: s.late(), Bus: s.bus, Sensor: s.name, Values: make([]float64, len(s.last)), Quality: make([]Quality, len(s.last)),
		Doubts: make([]Doubt, len(s.last)), Counts: make([]float64, len(s.last)), Channels: s.sensor.Channels(), At: s.at, LastGood: s.brought, Since: s.made, Latency: s.latency, Period: s.wanted, Err: s.err, Reads: s.reads, Errors: s.errs}
	if err := s.hanging(time.Now()); err != nil {
		r.Err = err
	}
	for i, v := range s.last {
		r.Values[i], r.Quality[i], r.Counts[i] = math.NaN(), Missing, math.NaN()
		if s.at.IsZero() || !v.read.Equal(s.at) {
			continue
		}
		if r.Doubts[i], r.Counts[i] = v.doubt, v.count; !v.at.IsZero() {
			r.Values[i], r.Quality[i] = v.value, v.quality
		}
	}
	return r
}

// failing tells whether the newest read failed.
func (s *sensorState) failing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fails > 0
}

// tried tells whether the sensor was ever read.
func (s *sensorState) tried() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reads > 0 || !s.started.IsZero()
}

// channels are the full names of the sensor's channels.
func (s *sensorState) channels() (out []string) {
	for _, c := range s.sensor.Channels() {
		out = append(out, s.name+"."+c.Name)
	}
	return out
}

// missing lists the full names of the channels for which the newest read brought
// no value, or an impossible one. The caller holds mu.
func (s *sensorState) missing() (out []string) {
	for i, c := range s.sensor.Channels() {
		if v := s.last[i]; v.at.IsZero() || !v.read.Equal(s.at) || v.quality == Bad {
			out = append(out, s.name+"."+c.Name)
		}
	}
	return out
}

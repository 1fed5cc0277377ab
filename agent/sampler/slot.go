package sampler

import (
	"context"
	"errors"
	"math"
	"os"
	"slices"
	"sync"
	"time"

	"iot-edge-anomaly/drivers"
)

// SensorSpec is one sensor and how often it is read.
type SensorSpec struct {
	Name   string
	Sensor drivers.Sensor
	Period time.Duration
	// MaxAge is how long after its measurement a value stands for rows to come.
	// 0 = it stands for one period's rows, and for half a period more in those
	// of a machine that has rows in between.
	MaxAge time.Duration
	Checks []Check // (C) of the sensor's channels; nil = none
	// Device names what the sensor is a part of, where several sensors on the
	// bus are parts of one: when it dies that is one fault. Empty = the sensor.
	Device string
}

// ageFactor is the default of MaxAge in periods of a sensor that is slower than
// its machine: its next reading is due after one, and may be half a period late.
const ageFactor = 1.5

// Reading is the newest attempt at one sensor, for people and metrics.
type Reading struct {
	Bus, Sensor string
	Values      []float64 // as read; NaN = missing
	Quality     []Quality // of Values
	Doubts      []Doubt   // why they are Suspect or Bad
	Channels    []drivers.Channel
	At          time.Time // end of the newest attempt; zero = none yet
	LastGood    time.Time // end of the newest attempt that brought a value
	Latency     time.Duration
	Err         error
	Reads       uint64
	Errors      [len(Reasons)]uint64 // by what went wrong, as Reasons names it
	Late        bool                 // its values have come too late for their rows for a while
}

// Cause says why a channel with some flag is not good: the test that its value
// failed, else what Err tells of the channel, else the whole of Err. Empty: no
// reason is known, or it is good.
func (r *Reading) Cause(channel int, q Quality) string {
	switch d := r.Doubts[channel]; {
	case q == Good:
		return ""
	case d != NoDoubt && (q == Suspect || q == Bad):
		return d.String()
	case r.Err == nil && r.Late && q == Stale:
		return "read too late for its row"
	case r.Err == nil:
		return ""
	}
	if err := concerning(r.Err, r.Channels[channel].Name); err != nil {
		return err.Error()
	}
	return r.Err.Error()
}

// concerning is the part of an error that tells of one channel, nil = none.
func concerning(err error, channel string) error {
	switch e := err.(type) {
	case *drivers.ValueError:
		if e.Channel == channel {
			return e
		}
	case *drivers.PartError:
		if slices.Contains(e.Channels, channel) {
			return e
		}
	case interface{ Unwrap() []error }:
		for _, e := range e.Unwrap() {
			if found := concerning(e, channel); found != nil {
				return found
			}
		}
	case interface{ Unwrap() error }:
		return concerning(e.Unwrap(), channel)
	}
	return nil
}

// Reasons why an attempt failed, in the order of Reading.Errors.
var Reasons = [...]string{"timeout", "bus", "device", "panic"}

const (
	reasonTimeout = iota // no answer in time
	reasonBus            // the line or bus that the sensor shares
	reasonDevice         // anything else: an exception, a checksum, a wrong chip
	reasonPanic          // a fault of the driver
)

func reasonOf(err error) int {
	switch {
	case errors.Is(err, errPanic):
		return reasonPanic
	case errors.Is(err, drivers.ErrBus):
		return reasonBus
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return reasonTimeout
	}
	return reasonDevice
}

// slot is what is known of one sensor. The bus goroutine writes it, every
// sampler reads it; mu guards the fields below it.
type slot struct {
	bus    string
	device string // empty = the sensor itself
	name   string
	sensor drivers.Sensor
	period time.Duration
	maxAge time.Duration // 0 = by the machine's period
	notify []chan<- struct{}
	hangs  time.Duration // a read that takes longer is a fault of the bus

	// The bus goroutine's own.
	due    time.Time // next tick
	buf    []float64
	judges []judge
	flags  []Quality
	doubts []Doubt

	mu       sync.Mutex
	held     []measured
	tick     time.Time // of the newest attempt
	started  time.Time // of the attempt under way; zero = none
	at       time.Time
	lastGood time.Time // end of the newest attempt without an error
	brought  time.Time // end of the newest that brought a value
	latency  time.Duration
	err      error
	fails    int // consecutive
	oks      int // consecutive
	heard    int // consecutive in which the device answered, whatever it said
	reads    uint64
	errs     [len(Reasons)]uint64
	lates    int       // rises with each attempt that brought values after its period, falls with others
	lateFrom time.Time // when it began to rise
	behind   bool      // it rose to the end, and has not fallen to 0 since
}

// measured is the newest value of one channel.
type measured struct {
	at      time.Time // zero = none
	read    time.Time // end of the attempt that brought it: at, or later where it was overheard
	value   float64
	quality Quality // Good, Suspect or Bad
	doubt   Doubt
}

// longHang is how long a read of a slow sensor may take where the bus has no
// greater patience: its period says nothing about its read.
const longHang = 30 * time.Second

func newSlot(bus string, s SensorSpec, patience time.Duration) (*slot, error) {
	judges, err := newJudges(s)
	if err != nil {
		return nil, err
	}
	n := len(judges)
	return &slot{bus: bus, device: s.Device, hangs: max(patience, min(2*s.Period, longHang)), name: s.Name, sensor: s.Sensor, period: s.Period, maxAge: s.MaxAge,
		buf: make([]float64, n), judges: judges, flags: make([]Quality, n), doubts: make([]Doubt, n), held: make([]measured, n)}, nil
}

// record takes the outcome of the attempt for tick, made from start to end.
func (s *slot) record(tick, start, end time.Time, err error) {
	for i, v := range s.buf {
		s.flags[i], s.doubts[i] = s.judges[i].flag(s.measuredAt(i, end), v)
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
			s.held[i] = measured{}
		case Missing: // what was read before may stand on
		default:
			s.held[i] = measured{s.measuredAt(i, end), end, s.buf[i], q, s.doubts[i]}
			s.brought = end
		}
	}
	s.tick, s.at, s.latency, s.err = tick, end, end.Sub(start), err
	s.reads++
	if s.heard++; err != nil && !drivers.OnlyLater(err) {
		reason := reasonOf(err)
		if reason != reasonDevice {
			s.heard = 0
		}
		s.errs[reason]++
		s.fails, s.oks = s.fails+1, 0
		return
	}
	s.lastGood = end
	s.fails, s.oks = 0, s.oks+1
}

// ended notes whether the newest attempt ended after the tick of the next. Mu is
// not held.
func (s *slot) ended(due time.Time, late bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if late && s.brought.Equal(s.at) { // what fails is a fault for itself
		if s.lates == 0 {
			s.lateFrom = due
		}
		s.lates = min(s.lates+2, lateFull) // so a third of the attempts is enough
	} else {
		s.lates = max(s.lates-1, 0)
	}
	s.behind = s.lates > 0 && (s.behind || s.lates == lateFull && s.at.Sub(s.lateFrom) >= lateFor)
}

// late tells whether values come too late for their rows, and have for a while.
// A max age is the operator's word that they may. Mu is held.
func (s *slot) late() bool { return s.behind && s.maxAge == 0 }

// aged is a sensor whose values were not measured during its Read.
type aged interface {
	// Age is how old the channel's newest value was when the newest Read ended.
	Age(channel int) time.Duration
}

// measuredAt is when a channel's value of the attempt that ended at end was
// measured.
func (s *slot) measuredAt(channel int, end time.Time) time.Time {
	if a, ok := s.sensor.(aged); ok {
		return end.Add(-a.Age(channel))
	}
	return end
}

// none is the flag of a channel of which the device itself says that it has no
// value: what was read before is worth nothing.
const none Quality = 0

// explain corrects the flags of the channels that an error names: those without
// a value, and those whose value cannot be.
func (s *slot) explain(err error) {
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

// fresh tells whether the newest attempt is the one for tick. The caller holds
// s.mu.
func (s *slot) fresh(tick time.Time) bool { return s.tick.After(tick.Add(-s.period)) }

// standsFor is how long after its measurement a value stands for the rows of a
// machine of some period; 0 = only for those of its own period.
func (s *slot) standsFor(period time.Duration) time.Duration {
	if s.maxAge == 0 && s.period > period {
		return time.Duration(ageFactor * float64(s.period))
	}
	return s.maxAge
}

// valueAt is a channel's newest value at a row's tick and its flag: Stale and
// Missing where it must not stand for the row. MaxAge is that of standsFor.
func (s *slot) valueAt(tick time.Time, channel int, maxAge time.Duration) measured {
	s.mu.Lock()
	m, fresh, newest := s.held[channel], s.fresh(tick), s.at
	s.mu.Unlock()
	switch {
	case m.at.IsZero():
		m.quality = Missing
	case maxAge > 0:
		if tick.Sub(m.at) > maxAge {
			m.quality = Stale
		}
	case !fresh:
		m.quality = Stale // no attempt has ended for this row
	case !m.read.Equal(newest):
		m.quality = Missing // this row's attempt brought none
	}
	return m
}

// reading copies what is known of the slot.
func (s *slot) reading() Reading {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := Reading{Late: s.late(), Bus: s.bus, Sensor: s.name, Values: make([]float64, len(s.held)), Quality: make([]Quality, len(s.held)),
		Doubts: make([]Doubt, len(s.held)), Channels: s.sensor.Channels(), At: s.at, LastGood: s.brought, Latency: s.latency, Err: s.err, Reads: s.reads, Errors: s.errs}
	if err := s.hung(time.Now()); err != nil {
		r.Err = err
	}
	for i, m := range s.held {
		r.Values[i], r.Quality[i] = math.NaN(), Missing
		if !m.at.IsZero() && m.read.Equal(s.at) {
			r.Values[i], r.Quality[i], r.Doubts[i] = m.value, m.quality, m.doubt
		}
	}
	return r
}

// failing tells whether the newest read failed.
func (s *slot) failing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fails > 0
}

package sampler

import (
	"context"
	"errors"
	"os"
	"slices"
	"time"

	"iot-edge-anomaly/drivers"
)

// SensorSpec is one sensor and how often it is read.
type SensorSpec struct {
	Name   string
	Sensor drivers.Sensor
	Period time.Duration
	// MaxAge is how long after its measurement a value may be used in rows. 0
	// means: in the rows of its own period, and for half a period more in those
	// of a machine with a shorter period.
	MaxAge time.Duration
	Checks []Check // (C) of the sensor's channels; nil = none
	// Device names the device that the sensor is a part of, where several
	// sensors on the bus belong to one: when the device fails, that is one
	// fault. Empty = the sensor is the device.
	Device string
}

// Reading is the outcome of the newest read of one sensor, for people and
// metrics.
type Reading struct {
	Bus, Sensor string
	Values      []float64 // as read; NaN = missing
	Quality     []Quality // of Values
	Doubts      []Doubt   // why they are Suspect or Bad, or a counter has no rate
	Counts      []float64 // of counters, as read; their Values are rates. NaN = missing, or no counter
	Channels    []drivers.Channel
	At          time.Time // end of the newest read; zero = none yet
	LastGood    time.Time // end of the newest read that brought a value
	Since       time.Time // when the sensor was configured as it is; zero for a derived sensor
	Latency     time.Duration
	Period      time.Duration // between reads; zero for a derived sensor
	Err         error
	Reads       uint64
	Errors      [len(Reasons)]uint64 // by what went wrong, as Reasons names it
	Derived     bool                 // it is computed from other sensors: it has no reads, and no faults of its own
	Late        bool                 // for a while now its values have come too late for their rows
}

// Cause says why a channel of quality q is not good: the check that its value
// failed, else the part of Err that concerns the channel, else all of Err. Empty:
// it is good, or the reason is unknown.
func (r *Reading) Cause(channel int, q Quality) string {
	switch d := r.Doubts[channel]; {
	case q == Good:
		return ""
	case d != NoDoubt && (q == Suspect || q == Bad || q == Missing):
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

// concerning is the part of an error that concerns one channel, nil = none.
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

// Reasons why a read failed, in the order of Reading.Errors.
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

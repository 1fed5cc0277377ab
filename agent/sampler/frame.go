package sampler

import "time"

// Frame is one row of a machine: one cell per channel, taken at one tick. The
// slices belong to the sampler and are valid until the next frame.
type Frame struct {
	Time    time.Time // of the tick; carries the monotonic reading
	Values  []float64 // (C) physical units; NaN where Quality is not Good
	Quality []Quality // (C)

	// At is when each value was measured, a Stale one's too; zero = never.
	At []time.Time // (C)
	// Raw is each value as read, for people: NaN only where it is Stale or
	// Missing.
	Raw []float64 // (C)
}

// Fault tells that a sensor, or a whole bus, stopped delivering or delivers
// again. It is about the instrument, never about the machine it watches.
type Fault struct {
	Bus     string // the configured bus
	Sensor  string // the configured sensor; empty = the bus itself
	Machine string // the machine that loses channels; empty = several do
	// Channels are the channels that are missing because of it.
	Channels []string
	Open     bool // false: it delivers again
	Since    time.Time
	Time     time.Time
	Reason   string // the error's text, for people

	updated bool // announced again with other channels
}

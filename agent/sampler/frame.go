package sampler

import "time"

// Quality is the flag of one value, after QARTOD (IOOS, Manual for Real-Time
// Quality Control, flags 1-4 and 9).
type Quality uint8

// The flags a value may carry.
const (
	Good    Quality = 1
	Suspect Quality = 3 // outside its configured range: shown, never scored
	Bad     Quality = 4 // read, but not a number
	Missing Quality = 9 // not read at this tick
)

// Frame is one row of a machine: one cell per channel, taken at one tick. The
// slices belong to the sampler and are valid until the next frame.
type Frame struct {
	Time    time.Time // of the tick; carries the monotonic reading
	Values  []float64 // (C) physical units; NaN where Quality is not Good
	Quality []Quality // (C)
}

// Fault tells that a sensor, or a whole bus, stopped delivering or delivers
// again. It is about the instrument, never about the machine it watches.
type Fault struct {
	Bus     string // the configured bus
	Sensor  string // the configured sensor; empty = the bus itself
	Machine string // the machine that loses channels
	// Channels are the machine's channels that are missing because of it.
	Channels []string
	Open     bool // false: it delivers again
	Since    time.Time
	Time     time.Time
	Reason   string // the error's text, for people
}

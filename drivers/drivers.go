package drivers

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
)

// Quantity is what a channel measures; it fixes the unit of the channel's values.
// The zero value is a dimensionless, unnamed quantity.
type Quantity struct {
	Name string // "temperature"; empty where only the unit is known
	Unit string // "°C"; empty = dimensionless
}

// The quantities of the built-in chips.
var (
	Temperature = Quantity{"temperature", "°C"}
	Pressure    = Quantity{"pressure", "Pa"}
	Humidity    = Quantity{"humidity", "%"}
	Voltage     = Quantity{"voltage", "V"}
	Current     = Quantity{"current", "A"}
	Power       = Quantity{"power", "W"}
)

// Channel is one column of a sensor: a name unique within it and a quantity.
type Channel struct {
	Name     string
	Quantity Quantity
}

// Sensor delivers one value per channel each time it is read.
//
// A Sensor is not safe for concurrent use: the goroutine that owns its bus
// reads it. Close does not close the bus the sensor was given.
type Sensor interface {
	// Channels is fixed for the sensor's life and gives the order of Read's
	// dst.
	Channels() []Channel
	// Read fills dst, which has one cell per channel. Every cell is a value
	// measured during this call or NaN; the error says why cells are NaN.
	Read(ctx context.Context, dst []float64) error
	// Close releases what the sensor itself opened. It may be called twice.
	Close() error
}

// Found is a device of the kernel that is there: a name for the New of its driver,
// and the channels that it has.
type Found struct {
	Device   string
	Channels []string
}

// Begin is the first step of every Read: it sets each cell to NaN, and returns an
// error if dst has the wrong length or ctx is done. The caller then sends nothing.
func Begin(ctx context.Context, dst []float64, channels int) error {
	Missing(dst)
	if len(dst) != channels {
		return fmt.Errorf("dst has %d cells, want one for each of %d channels", len(dst), channels)
	}
	return ctx.Err()
}

// Missing sets every cell of dst to NaN.
func Missing(dst []float64) {
	for i := range dst {
		dst[i] = math.NaN()
	}
}

// ErrBus marks an error of the shared line or bus, as opposed to one device on it:
// the port is gone, the connection is refused, the controller times out. Drivers
// wrap it together with the cause.
var ErrBus = errors.New("bus unavailable")

// ErrLater marks channels that were not asked for in this Read because its time
// was used up. They come first in the next Read; nothing is wrong with them.
var ErrLater = errors.New("no time left in this cycle")

// OnlyLater reports whether every cause of err is ErrLater; false for nil.
func OnlyLater(err error) bool {
	many, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return errors.Is(err, ErrLater)
	}
	return !slices.ContainsFunc(many.Unwrap(), func(e error) bool { return !OnlyLater(e) })
}

// ValueError means that a device answered but one of its channels has no value.
// Read's error wraps one for each such channel.
type ValueError struct {
	Channel string // name within the sensor
	Bad     bool   // true: it sent an impossible value; false: it reported that it has none
	Text    string // what it sent
}

// Error names the channel and says why it has no value.
func (e *ValueError) Error() string { return e.Channel + " is " + e.Text }

// PartError means that some channels of a sensor have no value while others may
// have one.
type PartError struct {
	Of       string   // the device, named as in an error about all of it
	Channels []string // names within the sensor
	Err      error    // why they have no value
	Gone     bool     // the device says so itself: the values before must not be used any longer
	Doubtful bool     // they have values, but perhaps those of something else
}

// Error returns the device and the cause.
func (e *PartError) Error() string { return e.Of + ": " + e.Err.Error() }

// Unwrap returns the cause, for errors.Is and errors.As.
func (e *PartError) Unwrap() error { return e.Err }

package drivers

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
)

// Quantity names what is measured; it fixes the unit of every value of a
// channel. The zero value is a dimensionless, unnamed quantity.
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
	// measured during this call or NaN; the error tells why cells are NaN.
	Read(ctx context.Context, dst []float64) error
	Close() error
}

// Begin is how every Read begins: each cell becomes NaN, and a dst of the wrong
// length or a finished context is an error before anything is on the wire.
func Begin(ctx context.Context, dst []float64, channels int) error {
	Missing(dst)
	if len(dst) != channels {
		return fmt.Errorf("%d cells for %d channels", len(dst), channels)
	}
	return ctx.Err()
}

// Missing makes every cell of dst NaN.
func Missing(dst []float64) {
	for i := range dst {
		dst[i] = math.NaN()
	}
}

// ErrBus marks an error of the shared line or bus rather than of one device on
// it: the port is gone, the connection is refused, the controller times out.
// Drivers wrap it beside the cause.
var ErrBus = errors.New("bus unavailable")

// ErrLater marks channels that were not asked for in this Read and come first in
// the next: nothing is wrong with them.
var ErrLater = errors.New("no time left in this cycle")

// OnlyLater tells whether all that an error tells is ErrLater.
func OnlyLater(err error) bool {
	many, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return errors.Is(err, ErrLater)
	}
	return !slices.ContainsFunc(many.Unwrap(), func(e error) bool { return !OnlyLater(e) })
}

// ValueError tells that a device answered, and why one of its channels has no
// value all the same. Read's error wraps one for each such channel.
type ValueError struct {
	Channel string // name within the sensor
	Bad     bool   // it sent a value that cannot be; else it said that it has none
	Text    string // what it sent
}

// Error names the channel and why it has no value.
func (e *ValueError) Error() string { return e.Channel + " is " + e.Text }

// PartError is why some channels of a sensor have no value where others may.
type PartError struct {
	Of       string   // the device, as an error about all of it names it
	Channels []string // names within the sensor
	Err      error
}

// Error gives the device and the cause.
func (e *PartError) Error() string { return e.Of + ": " + e.Err.Error() }

// Unwrap gives the cause to errors.Is and errors.As.
func (e *PartError) Unwrap() error { return e.Err }

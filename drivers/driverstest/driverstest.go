package driverstest

import (
	"errors"
	"testing"

	"iot-edge-anomaly/drivers"
)

// Fixture is one sensor on a working, simulated line, with functions that control
// the line. Sensor is required; each function may be nil, and then the checks that
// need it are skipped.
type Fixture struct {
	Sensor drivers.Sensor
	// Fail makes the line fail with err from now on; Fail(nil) repairs it.
	Fail func(err error)
	// FailAfter lets skip transactions pass and fails the next one with err.
	FailAfter func(skip int, err error)
	// Traffic counts the transactions requested so far.
	Traffic func() int64
	// LineClosed reports whether the line was closed.
	LineClosed func() bool
}

// Line is a simulated line whose transactions can be made to fail; i2csim.Bus is
// one.
type Line interface {
	FailAfter(skip, n int, err error) // n < 0 = all; a nil err repairs the line
	Count() int64
	Closed() bool
}

// On returns the fixture of a sensor on such a line.
func On(l Line, s drivers.Sensor) Fixture {
	return Fixture{
		Sensor:     s,
		Fail:       func(err error) { l.FailAfter(0, -1, err) },
		FailAfter:  func(skip int, err error) { l.FailAfter(skip, 1, err) },
		Traffic:    l.Count,
		LineClosed: l.Closed,
	}
}

// Options holds what differs from driver to driver.
type Options struct {
	// Allocs is the number of allocations that one good Read may make.
	Allocs float64
	// Opaque says that the line replaces the injected error by its own, as a TCP
	// connection does, so that errors.Is cannot find it.
	Opaque bool
}

// errInjected is the error with which the suite breaks lines.
var errInjected = errors.New("injected fault")

// Run runs the suite. Open returns a new fixture for each subtest and registers its
// clean-up with t.
func Run(t *testing.T, open func(t *testing.T) Fixture, o Options) {
	t.Helper()
	for _, c := range []struct {
		name  string
		check func(Fixture, Options) error
	}{
		{"channels", checkChannels},
		{"read", checkRead},
		{"length", checkLength},
		{"fault", checkFault},
		{"steps", checkSteps},
		{"context", checkContext},
		{"close", checkClose},
		{"allocations", checkAllocs},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := c.check(open(t), o); errors.Is(err, errNotApplicable) {
				t.Skip(err)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

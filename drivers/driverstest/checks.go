package driverstest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"iot-edge-anomaly/drivers"
)

// sentinel fills dst before every read. No sensor measures it, so a cell that still
// holds it was not written.
const sentinel = -7.25e77

// errNotApplicable means that the fixture lacks a function that the check needs.
var errNotApplicable = errors.New("the fixture cannot do this")

// maxSteps is the most transactions that one Read may make.
const maxSteps = 64

func row(s drivers.Sensor) []float64 {
	dst := make([]float64, len(s.Channels()))
	fill(dst)
	return dst
}

func fill(dst []float64) {
	for i := range dst {
		dst[i] = sentinel
	}
}

// good reads once and returns an error unless every cell was measured.
func good(s drivers.Sensor, when string) error {
	dst := row(s)
	if err := s.Read(context.Background(), dst); err != nil {
		return fmt.Errorf("read %s: %w", when, err)
	}
	for i, v := range dst {
		if v == sentinel || math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("read %s: cell %d is %v without an error", when, i, v)
		}
	}
	return nil
}

// bad reads once and expects an error and NaN in every cell. It returns the sensor's
// error as a causeError, or an error that says what was wrong.
func bad(ctx context.Context, s drivers.Sensor, when string) error {
	dst := row(s)
	err := s.Read(ctx, dst)
	if err == nil {
		return fmt.Errorf("read %s: no error", when)
	}
	for i, v := range dst {
		if !math.IsNaN(v) {
			return fmt.Errorf("read %s: cell %d is %v, want NaN (error: %w)", when, i, v, err)
		}
	}
	return causeError{err}
}

// causeError carries the error of an expected failure back to its check.
type causeError struct{ cause error }

func (e causeError) Error() string { return e.cause.Error() }

// expect separates the results of bad: the sensor's error, or what it did wrong.
func expect(err error) (cause, wrong error) {
	if c, ok := err.(causeError); ok {
		return c.cause, nil
	}
	return nil, err
}

func checkChannels(f Fixture, _ Options) error {
	first := slices.Clone(f.Sensor.Channels())
	if len(first) == 0 {
		return errors.New("channels: there are none")
	}
	seen := map[string]bool{}
	for i, c := range first {
		if c.Name == "" || seen[c.Name] {
			return fmt.Errorf("channels: name %d is %q: empty or a duplicate", i, c.Name)
		}
		seen[c.Name] = true
	}
	readErr := good(f.Sensor, "once")
	if again := f.Sensor.Channels(); !slices.Equal(first, again) {
		return fmt.Errorf("channels: %v before a read, %v after", first, again)
	}
	return readErr
}

func checkRead(f Fixture, _ Options) error {
	for _, when := range []string{"at first", "again", "a third time"} {
		if err := good(f.Sensor, when); err != nil {
			return err
		}
	}
	return nil
}

func checkLength(f Fixture, _ Options) error {
	n := len(f.Sensor.Channels())
	for _, length := range []int{0, n - 1, n + 1} {
		dst := make([]float64, length)
		fill(dst)
		if err := f.Sensor.Read(context.Background(), dst); err == nil {
			return fmt.Errorf("read into %d cells for %d channels: no error", length, n)
		}
		for i, v := range dst {
			if !math.IsNaN(v) {
				return fmt.Errorf("read into %d cells for %d channels: cell %d is %v, want NaN", length, n, i, v)
			}
		}
	}
	return good(f.Sensor, "after wrong lengths")
}

// checkFault breaks the line under a sensor that was never read and under one
// that was.
func checkFault(f Fixture, o Options) error {
	if f.Fail == nil {
		return errNotApplicable
	}
	for _, when := range []string{"on a line broken from the start", "on a line broken after good reads"} {
		f.Fail(errInjected)
		for range 3 {
			cause, wrong := expect(bad(context.Background(), f.Sensor, when))
			if wrong != nil {
				return wrong
			}
			if !o.Opaque && !errors.Is(cause, errInjected) {
				return fmt.Errorf("read %s: error %q does not wrap its cause", when, cause)
			}
		}
		f.Fail(nil)
		for range 2 {
			if err := good(f.Sensor, "after "+when); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkSteps fails each transaction of a read in turn, until a read makes fewer.
func checkSteps(f Fixture, o Options) error {
	if f.FailAfter == nil || f.Traffic == nil {
		return errNotApplicable
	}
	for step := range maxSteps {
		f.FailAfter(step, errInjected)
		before := f.Traffic()
		dst := row(f.Sensor)
		err := f.Sensor.Read(context.Background(), dst)
		if steps := f.Traffic() - before; steps <= int64(step) {
			f.FailAfter(0, nil)
			if err != nil {
				return fmt.Errorf("read after a fault: %w", err)
			}
			return good(f.Sensor, "after a fault at each step")
		}
		if err := checkStep(dst, err, step, o); err != nil {
			return err
		}
	}
	return fmt.Errorf("read: more than %d transactions", maxSteps)
}

// checkStep judges a read in which transaction number step failed. The driver may
// have repeated it successfully. Otherwise the read needs an error and at least one
// NaN; other cells may hold fresh values. No cell may hold the sentinel.
func checkStep(dst []float64, err error, step int, o Options) error {
	missing := 0
	for i, v := range dst {
		if v == sentinel {
			return fmt.Errorf("read with transaction %d failing: cell %d was not written", step, i)
		}
		if math.IsNaN(v) {
			missing++
		}
	}
	switch {
	case err == nil && missing > 0:
		return fmt.Errorf("read with transaction %d failing: %d cells are NaN without an error", step, missing)
	case err != nil && missing == 0:
		return fmt.Errorf("read with transaction %d failing: no cell is NaN, but the error %w", step, err)
	case err != nil && !o.Opaque && !errors.Is(err, errInjected):
		return fmt.Errorf("read with transaction %d failing: error %q does not wrap its cause", step, err)
	}
	return nil
}

func checkContext(f Fixture, _ Options) error {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, when := range []string{"with a cancelled context, at first", "with a cancelled context, later"} {
		var before int64
		if f.Traffic != nil {
			before = f.Traffic()
		}
		cause, wrong := expect(bad(ctx, f.Sensor, when))
		if wrong != nil {
			return wrong
		}
		if !errors.Is(cause, context.Canceled) {
			return fmt.Errorf("read %s: error %q is not the context's", when, cause)
		}
		if f.Traffic != nil && f.Traffic() != before {
			return fmt.Errorf("read %s: %d transactions, want none", when, f.Traffic()-before)
		}
		if err := good(f.Sensor, "after a cancelled one"); err != nil {
			return err
		}
	}
	return nil
}

func checkClose(f Fixture, _ Options) error {
	if err := good(f.Sensor, "before close"); err != nil {
		return err
	}
	if err := f.Sensor.Close(); err != nil {
		return fmt.Errorf("close: %w", err)
	}
	if f.LineClosed != nil && f.LineClosed() {
		return errors.New("close: closed the line it was given")
	}
	if err := f.Sensor.Close(); err != nil {
		return fmt.Errorf("close a second time: %w", err)
	}
	dst := row(f.Sensor)
	err := f.Sensor.Read(context.Background(), dst)
	for i, v := range dst {
		if v == sentinel || (err != nil && !math.IsNaN(v)) {
			return fmt.Errorf("read after close: cell %d is %v with error %v", i, v, err)
		}
	}
	return nil
}

// Allocs returns how many allocations f makes, the mean of some runs. The count is of the
// whole process: what an earlier test left behind, such as a simulated server that ends,
// can only add to it. So while it is above most, it is taken again, up to five times.
func Allocs(most float64, runs int, f func()) float64 {
	n := testing.AllocsPerRun(runs, f)
	for try := 1; try < 5 && n > most; try++ {
		n = testing.AllocsPerRun(runs, f)
	}
	return n
}

func checkAllocs(f Fixture, o Options) error {
	if err := good(f.Sensor, "before counting"); err != nil {
		return err
	}
	dst := row(f.Sensor)
	var failed error
	got := Allocs(o.Allocs, 10, func() {
		if err := f.Sensor.Read(context.Background(), dst); err != nil {
			failed = err
		}
	})
	if failed != nil {
		return fmt.Errorf("read while counting: %w", failed)
	}
	if got > o.Allocs {
		return fmt.Errorf("read: %v allocations, want at most %v", got, o.Allocs)
	}
	return nil
}

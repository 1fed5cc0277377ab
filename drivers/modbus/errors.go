package modbus

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"iot-edge-anomaly/drivers"
)

var (
	// ErrTimeout means that no whole answer came before the deadline although
	// the line was open. It wraps os.ErrDeadlineExceeded.
	ErrTimeout = fmt.Errorf("no answer: %w", os.ErrDeadlineExceeded)
	// ErrFrame means that the bytes received are no answer to the request.
	ErrFrame = errors.New("not an answer to the request")
	// ErrReadOnly means that a request was not sent because it is no valid read
	// by one of the functions 1-4 and not function 43/14.
	ErrReadOnly = errors.New("only functions 1-4 and 43/14 are sent")
)

// ExceptionError is a device's refusal of a request, V1.1b3 §7.
type ExceptionError struct {
	Function byte // as requested, 1-4 or 43
	Code     byte
}

// UnitError means that a unit answered other than the one asked. It is an
// ErrFrame.
type UnitError struct{ Got, Want uint8 }

// Error gives both units.
func (e *UnitError) Error() string {
	return fmt.Sprintf("%v: from unit %d, want %d", ErrFrame, e.Got, e.Want)
}

// Unwrap makes it an ErrFrame.
func (e *UnitError) Unwrap() error { return ErrFrame }

// Exception codes that change what a cycle does, V1.1b3 §7.
const (
	illegalAddress  = 2
	illegalValue    = 3
	acknowledge     = 5
	busy            = 6
	pathUnavailable = 10
	targetSilent    = 11
)

// exceptionNames are the names in V1.1b3 §7.
var exceptionNames = map[byte]string{
	1:               "illegal function",
	illegalAddress:  "illegal data address",
	illegalValue:    "illegal data value",
	4:               "server device failure",
	acknowledge:     "acknowledge",
	busy:            "server device busy",
	8:               "memory parity error",
	pathUnavailable: "gateway path unavailable",
	targetSilent:    "gateway target device failed to respond",
}

// Error gives the code with its name.
func (e *ExceptionError) Error() string {
	name, ok := exceptionNames[e.Code]
	if !ok {
		name = "unknown"
	}
	return fmt.Sprintf("exception %d (%s) to function %d", e.Code, name, e.Function)
}

// Is reports that an exception is os.ErrDeadlineExceeded where a gateway sent it
// because the device behind it did not answer.
func (e *ExceptionError) Is(target error) bool {
	return target == os.ErrDeadlineExceeded && (e.Code == pathUnavailable || e.Code == targetSilent)
}

// LostError means that an open connection or port failed during a request. It is
// a drivers.ErrBus.
type LostError struct{ Cause error }

// Error gives the cause.
func (e *LostError) Error() string {
	return fmt.Sprintf("%v: connection lost: %v", drivers.ErrBus, e.Cause)
}

// Unwrap gives drivers.ErrBus and the cause.
func (e *LostError) Unwrap() []error { return []error{drivers.ErrBus, e.Cause} }

// cycleError holds the errors of one Read.
type cycleError struct {
	unit uint8
	errs []error
}

func (e *cycleError) Error() string {
	texts := make([]string, len(e.errs))
	for i, err := range e.errs {
		if part, ok := err.(*drivers.PartError); ok {
			err = part.Err // its text names the unit, which is named once for all
		}
		texts[i] = err.Error()
	}
	return named(e.unit) + ": " + strings.Join(texts, "; ")
}

// named is a unit's name in errors.
func named(unit uint8) string { return fmt.Sprintf("unit %d", unit) }

// Unwrap gives every cause to errors.Is and errors.As.
func (e *cycleError) Unwrap() []error { return e.errs }

func isException(err error) bool {
	var e *ExceptionError
	return errors.As(err, &e)
}

// isRefusal reports whether the device refused a range of registers.
func isRefusal(err error) bool {
	var e *ExceptionError
	return errors.As(err, &e) && (e.Code == illegalAddress || e.Code == illegalValue)
}

// isBusy reports whether the device said that it will have time later.
func isBusy(err error) bool {
	var e *ExceptionError
	return errors.As(err, &e) && (e.Code == acknowledge || e.Code == busy)
}

// isTooLong reports whether the device refused the quantity.
func isTooLong(err error) bool {
	var e *ExceptionError
	return errors.As(err, &e) && e.Code == illegalValue
}

// isSilence reports whether the unit itself did not answer, or a gateway reported
// that. It is false for failures of the line, which has its own pauses, and where
// the caller gave up.
func isSilence(err error) bool {
	if err == nil {
		return false
	}
	var e *ExceptionError // declared here because it escapes to the heap
	if errors.As(err, &e) {
		return e.Code == pathUnavailable || e.Code == targetSilent
	}
	return errors.Is(err, ErrTimeout) || errors.Is(err, ErrFrame)
}

// outOfStep is an ErrFrame: the unit sent another answer, perhaps to an earlier
// request, and the answer to this one may still arrive.
type outOfStep struct {
	error
	got answerKind
}

func (o outOfStep) Unwrap() error { return o.error }

func isOutOfStep(err error) bool {
	var o outOfStep // declared here because it escapes to the heap
	return errors.As(err, &o)
}

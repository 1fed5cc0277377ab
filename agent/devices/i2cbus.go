package devices

import (
	"errors"
	"fmt"
	"sync"
	"syscall"
	"time"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"

	"iot-edge-anomaly/agent/status"
	"iot-edge-anomaly/drivers"
)

// i2cBus is an I2C bus that is opened when it is first used, and again after it
// has failed for a while: adapters vanish and come back under the same name. It is
// safe for concurrent use.
type i2cBus struct {
	name string
	open func(name string) (i2c.BusCloser, error)

	mu    sync.Mutex
	bus   i2c.BusCloser // nil = not open
	next  time.Time     // earliest next attempt to open
	err   error         // of the newest attempt to open
	fails int           // transfers that failed in a row
	last  uint16        // address of the newest transfer that failed
	wide  bool          // the failed transfers went to more than one chip
	stuck bool          // so many failed that the bus itself is at fault

	since     time.Time // begin of the transfer under way; zero = none
	transfers uint64
	opens     uint64
	retries   uint64 // of buses that were closed since
	errs      [len(i2cReasons)]uint64
}

const (
	reopenAfter = 8           // failed transfers in a row: more than one bad chip
	openPause   = time.Second // between attempts to open
)

// i2cReasons are the kinds of errors that are counted.
var i2cReasons = [...]string{"no_answer", "stuck", "gone", "open", "other"}

const reasonOpen = 3

// i2cReason sorts an error into i2cReasons. Controllers disagree on the errno of
// the same event, so the reason is for people to read; nothing is decided by it.
func i2cReason(err error) int {
	var errno syscall.Errno
	errors.As(err, &errno)
	switch errno {
	case syscall.ENXIO, syscall.EREMOTEIO:
		return 0
	case syscall.ETIMEDOUT, syscall.EAGAIN, syscall.EBUSY:
		return 1
	case syscall.ENODEV, syscall.EBADF:
		return 2
	}
	return len(i2cReasons) - 1
}

func (r *i2cBus) String() string { return r.name }

// SetSpeed is refused: the bus speed is the board's (dtparam), shared by all.
func (r *i2cBus) SetSpeed(physic.Frequency) error {
	return errors.New("set i2c speed: configured by the board")
}

func (r *i2cBus) Tx(addr uint16, w, rd []byte) error {
	bus, err := r.ensure()
	if err != nil {
		return err
	}
	// The lock is not held here: a controller that hangs must not hold up Close.
	err = bus.Tx(addr, w, rd)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.transfers++
	r.since = time.Time{}
	if err == nil {
		r.fails, r.wide, r.stuck = 0, false, false
		return nil
	}
	return r.failed(bus, addr, err)
}

// failed counts a failed transfer to addr. It closes the bus after reopenAfter
// failures in a row, or at once where the adapter was unplugged, because the
// kernel releases the USB port only when the bus is closed. If the failures went
// to more than one chip, the error is marked as the bus's (drivers.ErrBus),
// whatever the errno. mu is held.
func (r *i2cBus) failed(bus i2c.BusCloser, addr uint16, err error) error {
	r.errs[i2cReason(err)]++
	r.wide = r.wide || r.fails > 0 && addr != r.last
	r.last = addr
	gone := errors.Is(err, syscall.ENODEV) || isGone(bus)
	if r.fails++; r.fails >= reopenAfter || gone {
		r.stuck = r.stuck || r.wide
		if r.bus == bus {
			r.retries += retriesOf(bus)
			err = errors.Join(err, bus.Close())
			r.bus = nil
		}
		r.fails = 0
	}
	if r.stuck || gone {
		err = fmt.Errorf("%w: %w", drivers.ErrBus, err)
	}
	return err
}

// isGone asks a bus that knows whether its adapter is still there.
func isGone(bus i2c.Bus) bool {
	b, ok := bus.(interface{ Gone() bool })
	return ok && b.Gone()
}

// retriesOf asks a bus that repeats transfers by itself.
func retriesOf(bus i2c.Bus) uint64 {
	if b, ok := bus.(interface{ Retries() uint64 }); ok {
		return b.Retries()
	}
	return 0
}

// ensure opens the bus where it is not open, at most once in openPause, and
// marks the begin of a transfer.
func (r *i2cBus) ensure() (i2c.BusCloser, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if r.bus == nil {
		if now.Before(r.next) {
			return nil, r.err
		}
		r.next = now.Add(openPause)
		bus, err := r.open(r.name)
		if err != nil {
			r.errs[reasonOpen]++
			r.err = fmt.Errorf("%w: %w", drivers.ErrBus, err)
			return nil, r.err
		}
		r.bus = bus
		r.opens++
	}
	r.since = now
	return r.bus, nil
}

func (r *i2cBus) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.bus == nil {
		return nil
	}
	r.retries += retriesOf(r.bus)
	err := r.bus.Close()
	r.bus = nil
	return err
}

// status copies the counters.
func (r *i2cBus) status(now time.Time) status.I2CBus {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := status.I2CBus{Transfers: r.transfers, Retries: r.retries, Opens: r.opens}
	if r.bus != nil {
		s.Retries += retriesOf(r.bus)
	}
	if !r.since.IsZero() {
		s.Hangs = max(now.Sub(r.since), 0)
	}
	for i, n := range r.errs {
		s.Errors = append(s.Errors, status.ReasonCount{Reason: i2cReasons[i], N: n})
	}
	return s
}

package devices

import (
	"errors"
	"fmt"
	"sync"
	"syscall"
	"time"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"

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

	since time.Time // begin of the transfer under way; zero = none
	stats I2CStats  // Retries without those of the bus that is open; Underway unused
}

const (
	reopenAfter = 8           // failed transfers in a row: more than one bad chip
	openPause   = time.Second // between attempts to open
)

// I2CReasons name the elements of I2CStats.Errors.
var I2CReasons = [...]string{"no_answer", "stuck", "gone", "open", "other"}

// I2CStats are the counters of one I2C bus since Open.
type I2CStats struct {
	Bus       string
	Transfers uint64 // ended, successful or not; a repeated one counts once
	Retries   uint64 // attempts beyond the first, made by the bus itself
	Opens     uint64 // more than 1: the bus was opened again
	Errors    [len(I2CReasons)]uint64
	Underway  time.Duration // of the transfer that is in the controller now; 0 = none
}

const reasonOpen = 3

// i2cReason sorts an error into I2CReasons. Controllers disagree on the errno of
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
	return len(I2CReasons) - 1
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
	r.stats.Transfers++
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
	r.stats.Errors[i2cReason(err)]++
	r.wide = r.wide || r.fails > 0 && addr != r.last
	r.last = addr
	gone := errors.Is(err, syscall.ENODEV) || isGone(bus)
	if r.fails++; r.fails >= reopenAfter || gone {
		r.stuck = r.stuck || r.wide
		if r.bus == bus {
			r.stats.Retries += retriesOf(bus)
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
			r.stats.Errors[reasonOpen]++
			r.err = fmt.Errorf("%w: %w", drivers.ErrBus, err)
			return nil, r.err
		}
		r.bus = bus
		r.stats.Opens++
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
	r.stats.Retries += retriesOf(r.bus)
	err := r.bus.Close()
	r.bus = nil
	return err
}

// counters copies the counters.
func (r *i2cBus) counters() I2CStats {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.stats
	if r.bus != nil {
		s.Retries += retriesOf(r.bus)
	}
	if !r.since.IsZero() {
		s.Underway = max(time.Since(r.since), 0)
	}
	return s
}

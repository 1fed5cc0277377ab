package chip

import (
	"context"
	"errors"
	"fmt"
	"time"

	"periph.io/x/conn/v3/i2c"

	"iot-edge-anomaly/drivers"
)

// Max is how many bytes one transfer may carry in each direction.
const Max = 32

// Chip is a device on a bus. It is not safe for concurrent use. Use New.
type Chip struct {
	bus   i2c.Bus
	name  string
	addr  uint16
	timer *time.Timer
	w, r  [Max]byte
}

// New returns the chip called name at addr of bus; 0 means lo. It makes no
// transfer. An error means that addr is outside lo to hi.
func New(bus i2c.Bus, name string, addr, lo, hi uint16) (Chip, error) {
	if addr == 0 {
		addr = lo
	}
	if addr < lo || addr > hi {
		to := "to"
		if hi == lo+1 {
			to = "or"
		}
		return Chip{}, fmt.Errorf("%s: address 0x%02x, want 0x%02x %s 0x%02x", name, addr, lo, to, hi)
	}
	return Chip{bus: bus, name: name, addr: addr}, nil
}

// String returns the chip's name as used in errors: "lm75 at 0x48".
func (c *Chip) String() string { return fmt.Sprintf("%s at 0x%02x", c.name, c.addr) }

// Read is the frame of drivers.Sensor's Read. It calls measure with every cell NaN,
// but only if dst has one cell for each channel and ctx is not done. It adds the
// chip's name to errors.
func (c *Chip) Read(ctx context.Context, dst []float64, channels int, measure func(context.Context, []float64) error) error {
	err := drivers.Begin(ctx, dst, channels)
	if err == nil {
		err = measure(ctx, dst)
	}
	if err != nil {
		return fmt.Errorf("%v: %w", c, err)
	}
	return nil
}

// Write sends b, at most Max bytes.
func (c *Chip) Write(what string, b ...byte) error {
	n := copy(c.w[:], b)
	if err := c.bus.Tx(c.addr, c.w[:n], nil); err != nil {
		return fmt.Errorf("writing %s: %w", what, err)
	}
	return nil
}

// Receive reads n bytes, at most Max, without writing first.
func (c *Chip) Receive(what string, n int) ([]byte, error) {
	if err := c.bus.Tx(c.addr, nil, c.r[:n]); err != nil {
		return nil, fmt.Errorf("reading %s: %w", what, err)
	}
	return c.r[:n], nil
}

// Registers reads n bytes, at most Max, beginning at a register, in one transfer
// with a repeated start. A pointer of several bytes is sent as given.
func (c *Chip) Registers(what string, n int, pointer ...byte) ([]byte, error) {
	w := c.w[:copy(c.w[:], pointer)]
	if err := c.bus.Tx(c.addr, w, c.r[:n]); err != nil {
		return nil, fmt.Errorf("reading %s: %w", what, err)
	}
	return c.r[:n], nil
}

// Word reads a register of 16 bits, most significant byte first.
func (c *Chip) Word(what string, reg byte) (uint16, error) {
	b, err := c.Registers(what, 2, reg)
	if err != nil {
		return 0, err
	}
	return uint16(b[0])<<8 | uint16(b[1]), nil
}

// Wait returns nil after d, or the context's error.
func (c *Chip) Wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	if c.timer == nil {
		c.timer = time.NewTimer(d)
	} else {
		c.timer.Reset(d)
	}
	select {
	case <-ctx.Done():
		c.timer.Stop()
		return ctx.Err()
	case <-c.timer.C:
		return nil
	}
}

// ErrNotReady is what Poll returns if the chip did not finish in time.
var ErrNotReady = errors.New("not ready")

// Poll waits for the duration first and then calls ready up to times times, with
// the pause again between calls. An error of ready ends it.
func (c *Chip) Poll(ctx context.Context, first, again time.Duration, times int, ready func() (bool, error)) error {
	wait := first
	for range times {
		if err := c.Wait(ctx, wait); err != nil {
			return err
		}
		if ok, err := ready(); ok || err != nil {
			return err
		}
		wait = again
	}
	return ErrNotReady
}

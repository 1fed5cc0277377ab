package modbus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/goburrow/modbus"
)

// client reads one unit through goburrow's PDU layer. It is for one goroutine.
type client struct {
	pdu     modbus.Client
	line    *Line
	ctx     context.Context // of the request under way, because goburrow passes none
	answer  [maxADU]byte
	limits  RequestLimits
	width   int           // bytes of a register in the answer to the request under way
	silent  error         // a try of the newest read timed out with this and may still be answered; nil = none
	repeats int           // tries of the newest read, beside the last one, that may still be answered
	longest time.Duration // that a request of the cycle took
	trusted bool          // the unit has not been silent lately
	until   time.Time     // end of the cycle's budget; zero = none
}

func newClient(l *Line, unit uint8, limits RequestLimits) *client {
	c := &client{line: l, limits: limits}
	c.pdu = modbus.NewClient2(newFraming(l.opts.Mode).packager(unit), c)
	return c
}

// Send carries one frame for goburrow. The answer is valid until the next Send.
func (c *client) Send(req []byte) ([]byte, error) {
	n, repeated, err := c.line.send(c.ctx, c.timeout(), req, c.answer[:], c.width)
	if repeated {
		c.silent = errHungUp
		c.repeats++
	}
	if err != nil {
		return nil, err
	}
	return c.answer[:n], nil
}

// timeout is that of one request.
func (c *client) timeout() time.Duration {
	if c.limits.Timeout > 0 {
		return c.limits.Timeout
	}
	return c.line.opts.Timeout
}

// read returns n registers (width bytes each, 2 or 4) or n bits (packed, first bit
// lowest), valid until the next read. It repeats the request as often as the limits allow.
func (c *client) read(ctx context.Context, t Table, at, n uint16, width int) (b []byte, err error) {
	c.silent, c.repeats, c.width = nil, 0, width
	for try := 1; ; try++ {
		b, err = c.once(ctx, t, at, n)
		if err != nil && c.mayAnswer(err) {
			if c.silent != nil {
				c.repeats++
			}
			c.silent = err
		}
		if err == nil || !c.retry(ctx, err, try) {
			return b, err
		}
	}
}

// mayAnswer reports whether a request that ended with an error may still be
// answered. Behind a gateway that is so too if the gateway gave up waiting, or if
// the connection to it broke.
func (c *client) mayAnswer(err error) bool {
	if errors.Is(err, ErrTimeout) || isOutOfStep(err) {
		return true
	}
	if c.line.opts.Mode != TCP {
		return false
	}
	var unit *UnitError // these are declared here because they escape to the heap
	var lost *LostError
	return isException(err) && isSilence(err) || errors.As(err, &unit) || errors.As(err, &lost) ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

func (c *client) once(ctx context.Context, t Table, at, n uint16) (b []byte, err error) {
	c.ctx = ctx
	start := time.Now()
	defer func() { c.ctx, c.longest = nil, max(c.longest, time.Since(start)) }()
	switch t {
	case Coil:
		b, err = c.pdu.ReadCoils(at, n)
	case Discrete:
		b, err = c.pdu.ReadDiscreteInputs(at, n)
	case Holding:
		b, err = c.pdu.ReadHoldingRegisters(at, n)
	case Input:
		b, err = c.pdu.ReadInputRegisters(at, n)
	default:
		return nil, fmt.Errorf("table %d: want %d to %d", t, Coil, Input)
	}
	if err != nil {
		var refusal *modbus.ModbusError // declared here because it escapes to the heap
		if errors.As(err, &refusal) {
			c.line.count(&c.line.stats.Exceptions)
			return nil, &ExceptionError{Function: refusal.FunctionCode &^ 0x80, Code: refusal.ExceptionCode}
		}
		return nil, err
	}
	want := c.width * int(n)
	if t.bits() {
		want = (int(n) + 7) / 8
	}
	if len(b) != want {
		return nil, fmt.Errorf("%w: %d bytes, want %d", ErrFrame, len(b), want)
	}
	return b, nil
}

// Read reads n consecutive registers (2 bytes each, as sent) or bits (packed,
// first bit lowest) of a unit once. It is for scans and follows no device's plan.
// The package comment lists the kinds of errors.
func (l *Line) Read(ctx context.Context, unit uint8, t Table, at, n uint16) ([]byte, error) {
	return l.readOnce(ctx, unit, t, at, n, 2)
}

// ReadWide is Read for registers of 32 bits, 4 bytes each; at most 62.
func (l *Line) ReadWide(ctx context.Context, unit uint8, t Table, at, n uint16) ([]byte, error) {
	return l.readOnce(ctx, unit, t, at, n, 4)
}

func (l *Line) readOnce(ctx context.Context, unit uint8, t Table, at, n uint16, width int) ([]byte, error) {
	b, err := newClient(l, unit, RequestLimits{}).read(ctx, t, at, n, width)
	if err != nil {
		return nil, fmt.Errorf("unit %d: %v %d: %w", unit, t, at, err)
	}
	return b, nil
}

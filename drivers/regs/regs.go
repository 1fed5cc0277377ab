package regs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"periph.io/x/conn/v3/i2c"

	"iot-edge-anomaly/drivers"
	"iot-edge-anomaly/drivers/internal/chip"
)

// MaxTransfer is how many bytes one transfer may carry in each direction.
const MaxTransfer = chip.Max

// Write is one transfer to the chip when it is opened.
type Write struct {
	Bytes []byte        // a register's address and its new content; 1 to MaxTransfer bytes
	Wait  time.Duration // pause after the transfer
}

// Check is a number that the chip must hold after its registers have been read.
type Check struct {
	Place
	Mask  uint64 // bits that are compared; 0 = all of Width
	Value uint64
}

// Register is one channel.
type Register struct {
	Name     string
	Quantity drivers.Quantity
	Place
	Mask          uint64 // bits of the number; 0 = all of Width
	Shift         int    // bits by which the masked number is moved down
	Signed        bool   // the highest bit of Mask is the sign
	Scale, Offset float64
	Missing       []uint64 // numbers, masked and shifted, that mean "no value"
}

// Options selects the chip and says what is read from it.
type Options struct {
	Address   uint16 // 0x03 to 0x77
	Init      []Write
	Check     []Check
	Registers []Register // at least one
}

// Dev is a chip on a bus. It is not safe for concurrent use. Use New.
type Dev struct {
	chip     chip.Chip
	addr     byte
	init     []Write
	check    []Check
	regs     []Register
	channels []drivers.Channel
	open     bool // Init was written and nothing has failed since
}

// New returns the chip at o.Address of bus. It makes no transfer: the chip may
// be absent and come later. An error means that o is invalid.
func New(bus i2c.Bus, o Options) (*Dev, error) {
	c, err := chip.New(bus, "regs", max(o.Address, 1), 0x03, 0x77)
	if err != nil {
		return nil, err
	}
	if len(o.Registers) == 0 {
		return nil, errors.New("regs: no registers, want at least one")
	}
	d := &Dev{chip: c, addr: byte(o.Address), init: o.Init, check: slices.Clone(o.Check), regs: slices.Clone(o.Registers)}
	for _, w := range d.init {
		if len(w.Bytes) < 1 || len(w.Bytes) > MaxTransfer || w.Wait < 0 {
			return nil, fmt.Errorf("regs: a write of %d bytes with a wait of %v, want 1 to %d bytes and no negative wait", len(w.Bytes), w.Wait, MaxTransfer)
		}
	}
	for i := range d.check {
		if err := d.check[i].prepare(&d.check[i].Mask, 0); err != nil {
			return nil, fmt.Errorf("regs: check %d: %w", i+1, err)
		}
	}
	for i := range d.regs {
		r := &d.regs[i]
		if err := r.prepare(&r.Mask, r.Shift); err != nil {
			return nil, fmt.Errorf("regs: register %s: %w", r.Name, err)
		}
		d.channels = append(d.channels, drivers.Channel{Name: r.Name, Quantity: r.Quantity})
	}
	return d, nil
}

// Channels implements drivers.Sensor; the caller must not change the result.
func (d *Dev) Channels() []drivers.Channel { return d.channels }

// String returns the chip's name as used in its errors.
func (d *Dev) String() string { return d.chip.String() }

// Close does nothing: the bus belongs to whoever opened it.
func (d *Dev) Close() error { return nil }

// Read reads each register once into dst (one cell per register).
func (d *Dev) Read(ctx context.Context, dst []float64) error {
	return d.chip.Read(ctx, dst, len(d.regs), d.measure)
}

func (d *Dev) measure(ctx context.Context, dst []float64) error {
	if !d.open {
		for _, w := range d.init {
			if err := d.chip.Write("settings", w.Bytes...); err != nil {
				return err
			}
			if err := d.chip.Wait(ctx, w.Wait); err != nil {
				return err
			}
		}
	}
	d.open = false // until everything has been read
	wrong, err := d.read(ctx, dst)
	for i := range d.check {
		if err == nil {
			err = d.verify(ctx, &d.check[i])
		}
	}
	if err != nil {
		if len(d.check) > 0 {
			drivers.Missing(dst) // without the check, the values cannot be trusted
		}
		return errors.Join(wrong, err)
	}
	d.open = true
	return wrong
}

// read reads each register into dst. Wrong joins the errors that concern one
// register only; err is the error that ended it.
func (d *Dev) read(ctx context.Context, dst []float64) (wrong, err error) {
	for i := range d.regs {
		r := &d.regs[i]
		n, err := d.number(ctx, r.Name, &r.Place)
		if err == nil {
			dst[i], err = r.value(n)
		}
		switch {
		case errors.Is(err, errWrong):
			wrong = errors.Join(wrong, err)
		case err != nil:
			return wrong, err
		}
	}
	return wrong, nil
}

// verify compares one number of the chip with its wanted value.
func (d *Dev) verify(ctx context.Context, c *Check) error {
	n, err := d.number(ctx, "check", &c.Place)
	if err != nil {
		return err
	}
	if n&c.Mask != c.Value&c.Mask {
		return fmt.Errorf("check at % x: number is 0x%x, want 0x%x", c.At, n&c.Mask, c.Value&c.Mask)
	}
	return nil
}

var _ drivers.Sensor = (*Dev)(nil)

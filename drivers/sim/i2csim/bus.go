package i2csim

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"
)

// Chip is one device on a Bus. Tx sees what the wire carries between the
// address and the stop condition: first w is written, then r is read. The bus
// never calls Tx of one chip concurrently.
type Chip interface {
	Tx(w, r []byte) error
}

// ErrClosed is returned by a Bus after Close.
var ErrClosed = errors.New("bus is closed")

// Bus is a simulated I²C bus. It is safe for concurrent use; transactions run
// one after the other, as on a wire. Use New.
type Bus struct {
	name   string
	count  atomic.Int64
	closed atomic.Bool

	wire sync.Mutex // one transaction at a time

	mu    sync.Mutex // guards the rest
	chips map[uint16]Chip
	muxes []*Mux
	skip  int // transactions that still pass before fails begin
	fails int // transactions to fail; negative = for ever
	err   error
	hang  time.Duration
	share float64
	rng   *rand.Rand
}

// New returns a bus without chips; its String returns name.
func New(name string) *Bus {
	return &Bus{name: name, chips: map[uint16]Chip{}}
}

// Attach puts c on the bus at a 7-bit address and replaces the chip there, if any.
func (b *Bus) Attach(addr uint16, c Chip) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.chips[addr] = c
}

// Detach takes the chip at addr off the bus; nothing answers there any more.
func (b *Bus) Detach(addr uint16) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.chips, addr)
}

// FailNext makes the next n transactions fail with err before they reach a chip; n <
// 0 means all of them. FailNext(0, nil) repairs the bus, as does any call with a nil
// err.
func (b *Bus) FailNext(n int, err error) { b.FailAfter(0, n, err) }

// FailAfter lets skip transactions pass and then acts as FailNext.
func (b *Bus) FailAfter(skip, n int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.skip, b.fails, b.err = skip, n, err
	if err == nil {
		b.fails = 0
	}
}

// Hang makes every transaction take d longer and block the bus meanwhile, like a
// controller that waits for a stretched clock. Hang(0) ends that for transactions
// that have not begun.
func (b *Bus) Hang(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.hang = d
}

// HoldLow pulls the clock line low or releases it. While it is low, every
// transaction fails with ETIMEDOUT after a controller's timeout of 200 ms.
func (b *Bus) HoldLow(low bool) {
	if !low {
		b.FailNext(0, nil)
		b.Hang(0)
		return
	}
	b.FailNext(-1, syscall.ETIMEDOUT)
	b.Hang(200 * time.Millisecond)
}

// NACK fails a share (0 to 1) of all transactions with EREMOTEIO, the errno of a
// BCM2835 controller; seed determines which ones.
func (b *Bus) NACK(share float64, seed uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.share, b.rng = share, rand.New(rand.NewPCG(seed, 0))
}

// Count returns how many transactions were requested so far, including failed ones.
func (b *Bus) Count() int64 { return b.count.Load() }

// Closed reports whether Close was called.
func (b *Bus) Closed() bool { return b.closed.Load() }

// String implements i2c.Bus.
func (b *Bus) String() string { return b.name }

// SetSpeed implements i2c.Bus and does nothing.
func (b *Bus) SetSpeed(physic.Frequency) error { return nil }

// Close implements i2c.BusCloser; every transaction fails with ErrClosed
// afterwards.
func (b *Bus) Close() error {
	b.closed.Store(true)
	return nil
}

// Tx implements i2c.Bus. An address without a chip results in ENXIO, as with most
// controllers.
func (b *Bus) Tx(addr uint16, w, r []byte) error {
	b.count.Add(1)
	b.wire.Lock()
	defer b.wire.Unlock()
	chip, hang, err := b.begin(addr)
	if hang > 0 {
		time.Sleep(hang)
	}
	if err != nil {
		return fmt.Errorf("%s address 0x%02x: %w", b.name, addr, err)
	}
	return chip.Tx(w, r)
}

func (b *Bus) begin(addr uint16) (c Chip, hang time.Duration, err error) {
	if b.closed.Load() {
		return nil, 0, ErrClosed
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.fails != 0 && b.skip > 0:
		b.skip--
	case b.fails != 0:
		if b.fails > 0 {
			b.fails--
		}
		return nil, b.hang, b.err
	}
	if b.share > 0 && b.rng.Float64() < b.share {
		return nil, b.hang, syscall.EREMOTEIO
	}
	c, err = b.behind(addr)
	return c, b.hang, err
}

// sendWord fills r with a 16-bit register, most significant byte first, repeated if
// r is longer.
func sendWord(r []byte, v uint16) {
	for i := range r {
		r[i] = byte(v >> (8 * (1 - i%2)))
	}
}

var _ i2c.BusCloser = (*Bus)(nil)

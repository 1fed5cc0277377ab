package devices

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"
)

// i2cAdapter is an I2C bus of the gateway, perhaps with multiplexers on it (TCA9548A
// and its relatives; NXP PCA9548A data sheet rev. 5.1, section 7.3: one register, a bit
// for each port). It opens at most one port at a time. The buses behind the ports, and
// the bus itself, share it. It is safe for concurrent use.
type i2cAdapter struct {
	open func(name string) (i2c.BusCloser, error)

	wire   sync.Mutex // held while a port is open for a transfer
	active uint16     // multiplexer that has a port open; 0 = none
	known  bool       // active is

	mu    sync.Mutex // never held during a transfer
	muxes []uint16   // addresses
	bus   i2c.BusCloser
	users int
}

// i2cPort is one bus on an adapter with multiplexers, opened by one user.
type i2cPort struct {
	adapter *i2cAdapter
	bus     i2c.BusCloser
	mux     uint16 // 0 = directly on the adapter
	port    int
	retries atomic.Uint64
	once    sync.Once
}

// opener returns the function that opens the bus behind a port. Mux 0 is the bus
// itself.
func (a *i2cAdapter) opener(mux uint16, port int) func(name string) (i2c.BusCloser, error) {
	a.mu.Lock()
	if mux != 0 && !slices.Contains(a.muxes, mux) {
		a.muxes = append(slices.Clone(a.muxes), mux)
	}
	a.mu.Unlock()
	return func(name string) (i2c.BusCloser, error) {
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.users == 0 {
			bus, err := a.open(name)
			if err != nil {
				return nil, err
			}
			a.bus = bus
		}
		a.users++
		return &i2cPort{adapter: a, bus: a.bus, mux: mux, port: port}, nil
	}
}

func (p *i2cPort) String() string {
	if p.mux == 0 {
		return p.bus.String()
	}
	return fmt.Sprintf("%s, multiplexer %#02x, port %d", p.bus, p.mux, p.port)
}

// SetSpeed is refused: the bus speed is the board's.
func (p *i2cPort) SetSpeed(physic.Frequency) error {
	return errors.New("set i2c speed: configured by the board")
}

// Tx opens the port, makes the transfer and leaves the port open for the next one. The
// port is selected before each transfer: after a loss of power the multiplexer has
// none open, and says nothing of it.
func (p *i2cPort) Tx(addr uint16, w, r []byte) error {
	a := p.adapter
	a.wire.Lock()
	defer a.wire.Unlock()
	before := retriesOf(p.bus)
	defer func() { p.retries.Add(retriesOf(p.bus) - before) }()
	if err := a.selectPort(p); err != nil {
		return err
	}
	err := p.bus.Tx(addr, w, r)
	a.known = a.known && err == nil
	return err
}

// selectPort closes the ports of the other multiplexers and opens that of p. wire is
// held.
func (a *i2cAdapter) selectPort(p *i2cPort) error {
	a.mu.Lock()
	muxes := a.muxes
	a.mu.Unlock()
	for _, mux := range muxes {
		if mux == p.mux || a.known && mux != a.active {
			continue
		}
		if err := p.bus.Tx(mux, []byte{0}, nil); err != nil {
			a.known = false
			return fmt.Errorf("closing the ports of multiplexer %#02x: %w", mux, err)
		}
	}
	a.active, a.known = 0, true
	if p.mux == 0 {
		return nil
	}
	if err := p.bus.Tx(p.mux, []byte{1 << p.port}, nil); err != nil {
		a.known = false
		return fmt.Errorf("opening port %d of multiplexer %#02x: %w", p.port, p.mux, err)
	}
	a.active = p.mux
	return nil
}

// Retries counts those of the port's own transfers.
func (p *i2cPort) Retries() uint64 { return p.retries.Load() }

// Gone reports whether the adapter was unplugged.
func (p *i2cPort) Gone() bool { return isGone(p.bus) }

// Close closes the bus of the gateway if no other port uses it.
func (p *i2cPort) Close() (err error) {
	p.once.Do(func() {
		a := p.adapter
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.users--; a.users == 0 {
			err, a.bus = a.bus.Close(), nil
		}
	})
	return err
}

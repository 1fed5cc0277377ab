package i2csim

import (
	"errors"
	"syscall"
)

// Mux is a TCA9548A, which connects up to eight buses to the one it sits on. Its single
// register has a bit for each port. It is attached by Bus.AttachMux; use NewMux.
type Mux struct {
	ports [8]*Bus
	open  byte
	twice int // how often more than one port was open
}

// NewMux returns a multiplexer with an empty bus at each port, all of them closed.
func NewMux() *Mux {
	m := new(Mux)
	for i := range m.ports {
		m.ports[i] = New("port")
	}
	return m
}

// Port is the bus at a port, 0 to 7, for attaching chips.
func (m *Mux) Port(i int) *Bus { return m.ports[i] }

// Twice returns how often more than one port of all multiplexers on the bus was open.
func (m *Mux) Twice() int { return m.twice }

// PowerCycle closes all ports, as after a loss of power.
func (m *Mux) PowerCycle() { m.open = 0 }

// Tx implements Chip: it writes or reads the register, section 7.3 of the PCA9548A
// data sheet.
func (m *Mux) Tx(w, r []byte) error {
	for _, b := range w {
		m.open = b
	}
	for i := range r {
		r[i] = m.open
	}
	return nil
}

// chips are those at an address behind the open ports.
func (m *Mux) chips(addr uint16) (out []Chip) {
	for i, p := range m.ports {
		if m.open>>i&1 == 1 && p.chips[addr] != nil {
			out = append(out, p.chips[addr])
		}
	}
	return out
}

// AttachMux puts a multiplexer on the bus. Chips behind its open ports answer on the
// bus. If several chips have the same address, the lowest bits win, as on a wire.
func (b *Bus) AttachMux(addr uint16, m *Mux) {
	b.Attach(addr, m)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.muxes = append(b.muxes, m)
}

// behind is the chip that answers at an address, directly or behind a multiplexer. mu
// is held.
func (b *Bus) behind(addr uint16) (Chip, error) {
	if c := b.chips[addr]; c != nil && len(b.muxes) == 0 {
		return c, nil
	}
	var all []Chip
	if c := b.chips[addr]; c != nil {
		all = append(all, c)
	}
	open := 0
	for _, m := range b.muxes {
		all = append(all, m.chips(addr)...)
		for bits := m.open; bits != 0; bits &= bits - 1 {
			open++
		}
	}
	if _, mux := b.chips[addr].(*Mux); open > 1 && !mux {
		b.muxes[0].twice++
	}
	switch len(all) {
	case 0:
		return nil, syscall.ENXIO
	case 1:
		return all[0], nil
	}
	return wired(all), nil
}

// wired are chips that answer at the same time: a low bit of one wins.
type wired []Chip

// Tx implements Chip.
func (cs wired) Tx(w, r []byte) error {
	var errs []error
	for i := range r {
		r[i] = 0xFF
	}
	for _, c := range cs {
		got := make([]byte, len(r))
		errs = append(errs, c.Tx(w, got))
		for i := range r {
			r[i] &= got[i]
		}
	}
	return errors.Join(errs...)
}

package i2csim

import (
	"sync"
	"syscall"
	"time"
)

// Table is a simulated chip with 256 byte registers and an auto-incrementing
// pointer, for tests of package regs. Safe for concurrent use. Use NewTable.
type Table struct {
	mu      sync.Mutex
	powerOn map[byte][]byte
	reg     [256]byte
	ptr     byte
	addr    byte // the chip's address, for the packet error code; 0 = it sends none
	corrupt bool
	busy    time.Time     // until then the chip does not answer
	takes   time.Duration // how long it does not answer after each write
}

// NewTable returns a chip after power-on. The map gives the bytes from some
// addresses on; all other registers are 0.
func NewTable(powerOn map[byte][]byte) *Table {
	c := &Table{powerOn: powerOn}
	c.PowerCycle()
	return c
}

// PowerCycle sets every register to its power-on value.
func (c *Table) PowerCycle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reg, c.ptr, c.busy = [256]byte{}, 0, time.Time{}
	for at, b := range c.powerOn {
		copy(c.reg[at:], b)
	}
}

// Set sets the registers from at on.
func (c *Table) Set(at byte, b ...byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	copy(c.reg[at:], b)
}

// Get returns the register at.
func (c *Table) Get(at byte) byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reg[at]
}

// SendPEC makes the chip end each read with SMBus's packet error code, computed for
// address addr; a wrong one if corrupt is true.
func (c *Table) SendPEC(addr byte, corrupt bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.addr, c.corrupt = addr, corrupt
}

// Takes makes the chip not answer for d after each write.
func (c *Table) Takes(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.takes = d
}

// Tx implements Chip.
func (c *Table) Tx(w, r []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.takes > 0 && time.Now().Before(c.busy) {
		return syscall.EREMOTEIO
	}
	if len(w) > 0 {
		c.ptr, c.busy = w[0], time.Now().Add(c.takes)
		for _, v := range w[1:] {
			c.reg[c.ptr] = v
			c.ptr++
		}
		if c.takes > 0 && len(r) > 0 {
			return syscall.EREMOTEIO
		}
	}
	var message byte // the running packet error code
	if c.addr != 0 && len(w) > 0 {
		message = pec(pec(0, c.addr<<1), w[0])
	}
	message = pec(message, c.addr<<1|1)
	for i := range r {
		if c.addr != 0 && i == len(r)-1 {
			r[i] = message
			if c.corrupt {
				r[i] ^= 1
			}
			return nil
		}
		r[i] = c.reg[c.ptr]
		c.ptr++
		message = pec(message, r[i])
	}
	return nil
}

// pec adds a byte to a packet error code, bit by bit as a shift register does.
func pec(crc, b byte) byte {
	for bit := 7; bit >= 0; bit-- {
		top := crc>>7 ^ b>>bit&1
		crc = crc<<1 ^ top*0x07
	}
	return crc
}

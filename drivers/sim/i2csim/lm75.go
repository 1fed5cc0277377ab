package i2csim

import (
	"math"
	"sync"
	"time"
)

// LM75 is a simulated LM75 or one of its relatives. Safe for concurrent use.
// Use NewLM75.
type LM75 struct {
	mu   sync.Mutex
	bits int
	temp float64
	ptr  byte
	conf byte
	lim  [2]uint16 // Thyst, Tos
	held uint16    // temperature register in shutdown

	since time.Time // of power-on; zero = long ago
}

// NewLM75 returns a chip at 20 °C whose temperature has bits bits: 9 for an LM75
// (0.5 °C), 11 for an LM75A or LM75B (0.125 °C), 12 for a TMP75 set to 12
// (0.0625 °C).
func NewLM75(bits int) *LM75 {
	return &LM75{bits: bits, temp: 20, lim: [2]uint16{0x4B00, 0x5000}} // §7.4.4: 75 °C, 80 °C
}

// PowerCycle sets every register to its power-on value; the first conversion
// begins.
func (c *LM75) PowerCycle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ptr, c.conf, c.lim, c.since = 0, 0, [2]uint16{0x4B00, 0x5000}, time.Now()
}

// Set sets the temperature that the chip measures, in °C (-55 to 125).
func (c *LM75) Set(tempC float64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.temp = tempC
}

// Tx implements Chip: a pointer byte (§7.4.1), then one byte for the
// configuration (§7.4.2) or two, most significant first, for the rest.
func (c *LM75) Tx(w, r []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(w) > 0 {
		c.ptr = w[0] & 3
	}
	if len(w) > 1 {
		switch {
		case c.ptr == 1:
			c.held, c.conf = c.register(), w[1]
		case c.ptr >= 2 && len(w) > 2:
			c.lim[c.ptr-2] = uint16(w[1])<<8 | uint16(w[2])
		}
	}
	var v uint16
	switch c.ptr {
	case 0:
		v = c.register()
	case 1:
		v = uint16(c.conf)<<8 | uint16(c.conf)
	default:
		v = c.lim[c.ptr-2]
	}
	sendWord(r, v)
	return nil
}

// register is the temperature left-aligned in two's complement, §7.4.3.
func (c *LM75) register() uint16 {
	if c.conf&1 != 0 { // §7.4.2: SHUTDOWN
		return c.held
	}
	if !c.since.IsZero() && time.Since(c.since) < 100*time.Millisecond { // §7.1
		return 0
	}
	step := 1 / float64(int(1)<<(c.bits-8)) // 9 bits: 0.5 °C
	n := math.Floor(c.temp/step + 0.5)
	limit := float64(int(1) << (c.bits - 1))
	return uint16(int16(min(max(n, -limit), limit-1))) << (16 - c.bits)
}

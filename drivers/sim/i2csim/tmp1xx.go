package i2csim

import (
	"math"
	"sync"
	"time"
)

// TMP1xx is a simulated Texas Instruments TMP102 or TMP117. Safe for concurrent
// use. Use NewTMP102 or NewTMP117.
type TMP1xx struct {
	mu     sync.Mutex
	is117  bool
	temp   float64
	ptr    byte
	config uint16
	held   uint16    // temperature register in shutdown
	since  time.Time // of power-on
}

// NewTMP102 returns a TMP102 at 20 °C after its first conversion. A TMP112 is the
// same.
func NewTMP102() *TMP1xx { return &TMP1xx{temp: 20, config: 0x60A0} } // SBOS397 §7.5.3

// NewTMP117 is NewTMP102 for a TMP117.
func NewTMP117() *TMP1xx { return &TMP1xx{temp: 20, config: 0x0220, is117: true} } // SNOSD82 §7.6.3

// PowerCycle sets every register to its power-on value; the first conversion
// begins.
func (c *TMP1xx) PowerCycle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ptr, c.since, c.config = 0, time.Now(), 0x60A0
	if c.is117 {
		c.config = 0x0220
	}
}

// Set sets the temperature that the chip measures, in °C (-55 to 150).
func (c *TMP1xx) Set(tempC float64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.temp = tempC
}

// Tx implements Chip: a pointer byte, then 16 bits, most significant byte first.
func (c *TMP1xx) Tx(w, r []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(w) > 0 {
		c.ptr = w[0]
		if !c.is117 {
			c.ptr &= 3
		}
	}
	if len(w) > 2 && c.ptr == 1 {
		c.held = c.register()
		c.config = uint16(w[1])<<8 | uint16(w[2])
		if !c.is117 {
			c.config |= 0x6000 // R1, R0: read only
		}
	}
	var v uint16
	switch {
	case c.ptr == 0 && c.stopped():
		v = c.held
	case c.ptr == 0:
		v = c.register()
	case c.ptr == 1:
		v = c.config
	case c.ptr == 0x0F && c.is117:
		v = 0x0117
	}
	sendWord(r, v)
	return nil
}

func (c *TMP1xx) stopped() bool {
	if c.is117 {
		return c.config>>10&3 == 1
	}
	return c.config&0x0100 != 0
}

// register is the temperature register of a chip that is converting.
func (c *TMP1xx) register() uint16 {
	young := !c.since.IsZero()
	switch {
	case c.is117 && young && time.Since(c.since) < 125*time.Millisecond: // §6.5: 8 conversions of 15.5 ms
		return 0x8000
	case c.is117:
		return uint16(clamp16(math.Round(c.temp * 128)))
	case young && time.Since(c.since) < 26*time.Millisecond:
		return 0
	case c.config&0x10 != 0: // extended: 13 bits, the mark in bit 0
		return uint16(int16(min(max(math.Round(c.temp*16), -4096), 4095)))<<3 | 1
	}
	return uint16(int16(min(max(math.Round(c.temp*16), -2048), 2047))) << 4
}

package i2csim

import (
	"math"
	"sync"
	"time"
)

const adsPowerOn = 0x8583 // SBAS444E §8.1.3

// ADS1115 is a simulated Texas Instruments ADS1115. A conversion takes its typical
// time and uses the input and range that were set when it started. Safe for
// concurrent use. Use NewADS1115.
type ADS1115 struct {
	mu      sync.Mutex
	volts   [4]float64
	config  uint16 // without OS
	ptr     byte
	result  int16
	due     time.Time // end of the running conversion; zero = none runs
	running uint16    // its configuration
}

// NewADS1115 returns a chip after power-on with 0 V at each input.
func NewADS1115() *ADS1115 { return &ADS1115{config: adsPowerOn &^ 0x8000} }

// PowerCycle sets every register to its power-on value.
func (c *ADS1115) PowerCycle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.config, c.ptr, c.result, c.due = adsPowerOn&^0x8000, 0, 0, time.Time{}
}

// Set sets the voltage of pin 0 to 3 against ground.
func (c *ADS1115) Set(pin int, volts float64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.volts[pin] = volts
}

// Tx implements Chip: §7.5.1, a pointer byte and two bytes, most significant
// first. The pointer stays for later reads.
func (c *ADS1115) Tx(w, r []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.finish()
	if len(w) > 0 {
		c.ptr = w[0] & 3
	}
	if len(w) >= 3 && c.ptr == 1 {
		c.write(uint16(w[1])<<8 | uint16(w[2]))
	}
	v := uint16(0)
	switch c.ptr {
	case 0:
		v = uint16(c.result)
	case 1:
		if v = c.config; c.due.IsZero() {
			v |= 0x8000
		}
	case 2:
		v = 0x8000
	case 3:
		v = 0x7FFF
	}
	sendWord(r, v)
	return nil
}

func (c *ADS1115) write(v uint16) {
	c.config = v &^ 0x8000
	if c.due.IsZero() && (v&0x8000 != 0 || v&0x0100 == 0) {
		c.begin(time.Now())
	}
}

func (c *ADS1115) begin(at time.Time) {
	rate := [8]time.Duration{8, 16, 32, 64, 128, 250, 475, 860}[c.config>>5&7]
	c.running, c.due = c.config, at.Add(time.Second/rate)
}

// finish ends a conversion whose time is over; in continuous mode the next begins.
func (c *ADS1115) finish() {
	for now := time.Now(); !c.due.IsZero() && !now.Before(c.due); {
		c.result = c.convert(c.running)
		if end := c.due; c.config&0x0100 == 0 {
			c.begin(end)
		} else {
			c.due = time.Time{}
		}
	}
}

func (c *ADS1115) convert(config uint16) int16 {
	pins := [8][2]int{{0, 1}, {0, 3}, {1, 3}, {2, 3}, {0, -1}, {1, -1}, {2, -1}, {3, -1}}[config>>12&7]
	full := [8]float64{6.144, 4.096, 2.048, 1.024, 0.512, 0.256, 0.256, 0.256}[config>>9&7]
	v := c.volts[pins[0]]
	if pins[1] >= 0 {
		v -= c.volts[pins[1]]
	}
	return clamp16(math.Round(v / full * 32768))
}

package i2csim

import (
	"math"
	"sync"
	"time"
)

const ina226PowerOn = 0x4127 // SBOS547B §7.1.1: 1.1 ms, one average, continuous

// INA226 is a simulated Texas Instruments INA226 with its shunt. Safe for
// concurrent use. Use NewINA226.
type INA226 struct {
	mu     sync.Mutex
	ohm    float64
	volt   float64
	ampere float64
	config uint16
	calib  uint16
	ptr    byte
	clear  time.Time // when CVRF was cleared
}

// NewINA226 returns a chip after power-on with a shunt of shuntOhm and nothing
// connected: 0 V, 0 A.
func NewINA226(shuntOhm float64) *INA226 {
	c := &INA226{ohm: shuntOhm}
	c.PowerCycle()
	return c
}

// PowerCycle sets every register to its power-on value.
func (c *INA226) PowerCycle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.config, c.calib, c.ptr, c.clear = ina226PowerOn, 0, 0, time.Now()
}

// Set sets what the chip measures: a bus voltage in V and a current in A through its
// shunt. The registers hold them rounded to 1.25 mV and 2.5 µV and limited to
// 40.96 V and ±81.92 mV.
func (c *INA226) Set(busV, currentA float64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.volt, c.ampere = busV, currentA
}

// Tx implements Chip: a pointer byte and two bytes, most significant first. The
// pointer stays for later reads.
func (c *INA226) Tx(w, r []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(w) > 0 {
		c.ptr = w[0]
	}
	if len(w) >= 3 {
		c.write(uint16(w[1])<<8 | uint16(w[2]))
	}
	if len(r) > 0 {
		sendWord(r, c.read())
	}
	return nil
}

func (c *INA226) write(v uint16) {
	switch c.ptr {
	case 0:
		if v&0x8000 != 0 { // reset
			v, c.calib = ina226PowerOn, 0
		}
		c.config, c.clear = v&0x0FFF|0x4000, time.Now()
	case 5:
		c.calib = v & 0x7FFF
	}
}

func (c *INA226) read() uint16 {
	shunt := clamp16(math.Round(c.ampere * c.ohm / 2.5e-6))
	bus := clamp16(math.Round(max(c.volt, 0) / 1.25e-3))
	current := clamp16(math.Trunc(float64(shunt) * float64(c.calib) / 2048)) // §6.5.1 (3)
	switch c.ptr {
	case 0:
		return c.config
	case 1:
		return uint16(shunt)
	case 2:
		return uint16(bus)
	case 3: // §6.5.1 (4)
		return uint16(math.Abs(float64(current)) * float64(bus) / 20000)
	case 4:
		return uint16(current)
	case 5:
		return c.calib
	case 6:
		if c.config&7 == 7 && time.Since(c.clear) >= c.conversion() {
			c.clear = time.Now() // §7.1.7: CVRF clears by this read
			return 1 << 3
		}
		return 0
	case 0xFE:
		return 0x5449
	case 0xFF:
		return 0x2260
	}
	return 0
}

// conversion is the typical time of all averages of one shunt and one bus
// conversion, tables 7-3 to 7-5.
func (c *INA226) conversion() time.Duration {
	micro := [8]float64{140, 204, 332, 588, 1100, 2116, 4156, 8244}
	averages := [8]float64{1, 4, 16, 64, 128, 256, 512, 1024}
	us := averages[c.config>>9&7] * (micro[c.config>>6&7] + micro[c.config>>3&7])
	return time.Duration(us * float64(time.Microsecond))
}

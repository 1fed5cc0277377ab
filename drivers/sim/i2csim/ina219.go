package i2csim

import (
	"math"
	"sync"
	"time"
)

// Registers of the INA219, §8.6.1 table 2.
const (
	inaConfig      = 0 // §8.6.2.1
	inaShunt       = 1 // §8.6.3.1
	inaBus         = 2 // §8.6.3.2
	inaPower       = 3 // §8.6.3.3
	inaCurrent     = 4 // §8.6.3.4
	inaCalibration = 5 // §8.6.4.1

	inaPowerOn = 0x399F // 32 V, ±320 mV, 12 bit, shunt and bus continuously
)

// INA219 is a simulated Texas Instruments INA219 with its shunt. Safe for
// concurrent use. Use NewINA219.
type INA219 struct {
	mu     sync.Mutex
	ohm    float64
	volt   float64
	ampere float64
	config uint16
	calib  uint16
	ptr    byte
	clear  time.Time // when CNVR was cleared
	ready  bool      // CNVR
}

// NewINA219 returns a chip after power-on with a shunt of shuntOhm and nothing
// connected: 0 V, 0 A.
func NewINA219(shuntOhm float64) *INA219 {
	c := &INA219{ohm: shuntOhm}
	c.PowerCycle()
	return c
}

// PowerCycle sets every register to its power-on value.
func (c *INA219) PowerCycle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.config, c.calib, c.ptr, c.ready, c.clear = inaPowerOn, 0, 0, false, time.Now()
}

// Set sets what the chip measures: a bus voltage in V and a current in A through its
// shunt. The registers hold them rounded to 4 mV and 10 µV, and limited to the
// configured ranges, as the converter does.
func (c *INA219) Set(busV, currentA float64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.volt, c.ampere = busV, currentA
}

// Tx implements Chip: §8.5.6, a pointer byte and two bytes, most significant
// first. The pointer stays for later reads.
func (c *INA219) Tx(w, r []byte) error {
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

func (c *INA219) write(v uint16) {
	switch c.ptr {
	case inaConfig:
		if v&0x8000 != 0 { // reset
			v, c.calib = inaPowerOn, 0
		}
		c.config = v
		c.ready, c.clear = false, time.Now()
	case inaCalibration:
		c.calib = v &^ 1 // FS0 is always 0
	}
}

func (c *INA219) read() uint16 {
	if c.config&7 == 7 && !c.ready && time.Since(c.clear) >= c.conversion() {
		c.ready = true
	}
	shunt, bus := c.shunt(), c.bus()
	current := clamp16(math.Trunc(float64(shunt) * float64(c.calib) / 4096)) // §8.5.1 (4)
	switch c.ptr {
	case inaConfig:
		return c.config
	case inaShunt:
		return uint16(shunt)
	case inaBus:
		v := bus << 3
		if c.ready {
			v |= 2
		}
		return v
	case inaPower: // §8.5.1 (5)
		c.ready, c.clear = false, time.Now()
		return uint16(math.Abs(float64(current)) * float64(bus) / 5000)
	case inaCurrent:
		return uint16(current)
	case inaCalibration:
		return c.calib
	}
	return 0
}

// shunt is the shunt voltage in 10 µV, limited to the gain's range (±40 mV
// times 1, 2, 4, 8).
func (c *INA219) shunt() int16 {
	limit := float64(int(4000) << (c.config >> 11 & 3))
	return int16(math.Round(min(max(c.ampere*c.ohm/10e-6, -limit), limit)))
}

// bus is the bus voltage in 4 mV, limited to 16 or 32 V.
func (c *INA219) bus() uint16 {
	limit := 4000.0
	if c.config&0x2000 != 0 {
		limit = 8000
	}
	return uint16(math.Round(min(max(c.volt/4e-3, 0), limit)))
}

// conversion is the time of one shunt and one bus conversion, §8.6.2.1
// table 5.
func (c *INA219) conversion() time.Duration {
	return inaADC(c.config>>3&15) + inaADC(c.config>>7&15)
}

func inaADC(setting uint16) time.Duration {
	if setting&8 == 0 {
		return [4]time.Duration{84, 148, 276, 532}[setting&3] * time.Microsecond
	}
	return 532 * time.Microsecond << (setting & 7)
}

func clamp16(v float64) int16 {
	return int16(min(max(v, math.MinInt16), math.MaxInt16))
}

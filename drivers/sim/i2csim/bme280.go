package i2csim

import (
	"sort"
	"sync"
	"syscall"
	"time"
)

// Registers of the BME280, §5.3 table 18.
const (
	bmeCalib00  = 0x88 // §4.2.2 table 16: T1..T3, P1..P9, H1
	bmeID       = 0xD0 // §5.4.1
	bmeReset    = 0xE0 // §5.4.2
	bmeCalib26  = 0xE1 // §4.2.2 table 16: H2..H6
	bmeCtrlHum  = 0xF2 // §5.4.3
	bmeStatus   = 0xF3 // §5.4.4
	bmeCtrlMeas = 0xF4 // §5.4.5
	bmeConfig   = 0xF5 // §5.4.6
	bmeData     = 0xF7 // §5.4.7 to §5.4.9: press, temp, hum
)

// The trimming of the simulated chip. T and P are the worked example of Bosch's
// BMP280 sheet (BST-BMP280-DS001, §3.12); H is typical of chips in the field.
var bmeTrim = struct {
	t1     uint16
	t2, t3 int16
	p1     uint16
	p      [8]int16 // P2..P9
	h1     uint8
	h2     int16
	h3     uint8
	h4, h5 int16 // 12 bits
	h6     int8
}{27504, 26435, -1000, 36477, [8]int16{-10685, 3024, 2855, 140, -7, 15500, -14600, 6000},
	75, 362, 0, 313, 50, 30}

// BME280 is a simulated Bosch BME280, or a BMP280, which is the same without
// humidity (BST-BMP280-DS001-23, §4.2 table 18). A measurement takes the typical
// time of §9.1 and yields the raw values that were set when it began. Safe for
// concurrent use. Use NewBME280 or NewBMP280.
type BME280 struct {
	mu       sync.Mutex
	reg      [256]byte
	ptr      byte
	rawT     int32
	rawP     int32
	rawH     int32
	due      time.Time // end of the running measurement
	pending  bool
	latched  byte    // ctrl_hum at the last write of ctrl_meas
	pendingV [8]byte // result of the running measurement
	id       byte
	dry      bool // a BMP280: no humidity registers
}

// NewBME280 returns a chip after power-on at 20 °C, 101325 Pa and 50 %.
func NewBME280() *BME280 {
	c := &BME280{id: 0x60}
	c.PowerCycle()
	c.Set(20, 101325, 50)
	return c
}

// NewBMP280 returns a BMP280 after power-on at 20 °C and 101325 Pa.
func NewBMP280() *BME280 {
	c := &BME280{id: 0x58, dry: true}
	c.PowerCycle()
	c.Set(20, 101325, 0)
	return c
}

// SetID changes the chip id, which is 0x60, or 0x58 for a BMP280.
func (c *BME280) SetID(id byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.id = id
	c.reg[bmeID] = id
}

// PowerCycle sets every register to its power-on value (§5.3 table 18) and
// ends a running measurement.
func (c *BME280) PowerCycle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reset()
}

func (c *BME280) reset() {
	c.reg = [256]byte{}
	c.reg[bmeID] = c.id
	c.reg[bmeData], c.reg[bmeData+3], c.reg[bmeData+6] = 0x80, 0x80, 0x80
	c.pending, c.ptr, c.latched = false, 0, 0
	k := bmeTrim
	words := []uint16{k.t1, uint16(k.t2), uint16(k.t3), k.p1}
	for _, p := range k.p {
		words = append(words, uint16(p))
	}
	for i, w := range words {
		c.reg[bmeCalib00+2*i], c.reg[bmeCalib00+2*i+1] = byte(w), byte(w>>8)
	}
	if c.dry {
		c.reg[bmeData+6] = 0
		return
	}
	c.reg[0xA1] = k.h1
	h := c.reg[bmeCalib26:]
	h[0], h[1], h[2] = byte(k.h2), byte(uint16(k.h2)>>8), k.h3
	h[3] = byte(uint16(k.h4) >> 4)
	h[4] = byte(k.h4&0xF) | byte(k.h5&0xF)<<4
	h[5] = byte(uint16(k.h5) >> 4)
	h[6] = byte(k.h6)
}

// Set sets what the chip measures: a temperature in °C (-40 to 85), a pressure in Pa
// (30000 to 110000) and a relative humidity in % (0 to 100). The next measurement
// returns them within the chip's resolution: 0.01 °C, 0.2 Pa, 0.02 %.
func (c *BME280) Set(tempC, pressurePa, humidityPct float64) {
	const full = 1<<20 - 1
	rawT := int32(sort.Search(full, func(i int) bool { return float64(bmeFine(int32(i)))/5120 >= tempC }))
	fine := bmeFine(rawT)
	rawP := int32(sort.Search(full, func(i int) bool { return bmePressure(int32(i), fine) <= pressurePa }))
	rawH := int32(sort.Search(1<<16-1, func(i int) bool { return bmeHumidity(int32(i), fine) >= humidityPct }))
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rawT, c.rawP, c.rawH = rawT, rawP, rawH
}

// Tx implements Chip: §6.2.1 pairs of register and value are written without
// auto-increment; §6.2.2 a read increments the address.
func (c *BME280) Tx(w, r []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(w) > 0 {
		c.ptr = w[0]
		if len(w) > 1 && len(w)%2 != 0 {
			return syscall.EREMOTEIO
		}
	}
	for i := 0; i+1 < len(w); i += 2 {
		c.write(w[i], w[i+1])
	}
	c.finish()
	for i := range r {
		r[i] = c.reg[c.ptr]
		c.ptr++
	}
	return nil
}

func (c *BME280) write(reg, v byte) {
	switch reg {
	case bmeReset:
		if v == 0xB6 {
			c.reset()
		}
	case bmeConfig:
		c.reg[reg] = v
	case bmeCtrlHum:
		if !c.dry {
			c.reg[reg] = v
		}
	case bmeCtrlMeas:
		c.reg[reg] = v
		c.latched = c.reg[bmeCtrlHum] & 7 // §5.4.3: effective after a write to ctrl_meas
		if v&3 != 0 {
			c.start(v)
		}
	}
}

// start begins a measurement (§3.3.3).
func (c *BME280) start(ctrl byte) {
	t, p, h := c.rawT, c.rawP, c.rawH
	osrT, osrP, osrH := samples(ctrl>>5), samples(ctrl>>2&7), samples(c.latched)
	if osrT == 0 {
		t = 0x80000 // §5.4.5: skipped
	}
	if osrP == 0 {
		p = 0x80000
	}
	if osrH == 0 {
		h = 0x8000
	}
	c.pendingV = [8]byte{byte(p >> 12), byte(p >> 4), byte(p << 4), byte(t >> 12), byte(t >> 4), byte(t << 4),
		byte(h >> 8), byte(h)}
	d := time.Millisecond + time.Duration(osrT)*2*time.Millisecond // §9.1, typical
	if osrP > 0 {
		d += time.Duration(osrP)*2*time.Millisecond + 500*time.Microsecond
	}
	if osrH > 0 {
		d += time.Duration(osrH)*2*time.Millisecond + 500*time.Microsecond
	}
	if c.dry {
		c.pendingV[6], c.pendingV[7] = 0, 0
	}
	c.due, c.pending = time.Now().Add(d), true
	c.reg[bmeStatus] |= 1 << 3
}

// finish moves a measurement whose time is over into the data registers. In normal
// mode they get the present values, because nobody read the chip meanwhile.
func (c *BME280) finish() {
	if !c.pending || time.Now().Before(c.due) {
		return
	}
	if ctrl := c.reg[bmeCtrlMeas]; ctrl&3 == 3 { // §3.3.4: normal mode, the next begins
		c.start(ctrl)
		copy(c.reg[bmeData:], c.pendingV[:])
		return
	}
	copy(c.reg[bmeData:], c.pendingV[:])
	c.pending = false
	c.reg[bmeStatus] &^= 1 << 3
	c.reg[bmeCtrlMeas] &^= 3 // back to sleep
}

// samples decodes an oversampling field, §5.4.3 table 20.
func samples(osr byte) int {
	switch {
	case osr == 0:
		return 0
	case osr >= 5:
		return 16
	}
	return 1 << (osr - 1)
}

// bmeFine is t_fine of §4.2.3, in 1/5120 °C, 32-bit integer form.
func bmeFine(raw int32) int32 {
	t1, t2, t3 := int32(bmeTrim.t1), int32(bmeTrim.t2), int32(bmeTrim.t3)
	a := ((raw>>3 - t1<<1) * t2) >> 11
	b := (raw>>4 - t1)
	return a + (((b*b)>>12)*t3)>>14
}

// bmePressure is the 64-bit integer form of §4.2.3 in Pa.
func bmePressure(raw, fine int32) float64 {
	p := bmeTrim.p // P2..P9 at 0..7
	v1 := int64(fine) - 128000
	v2 := v1*v1*int64(p[4]) + (v1*int64(p[3]))<<17 + int64(p[2])<<35
	v1 = (v1*v1*int64(p[1]))>>8 + (v1*int64(p[0]))<<12
	v1 = ((int64(1)<<47 + v1) * int64(bmeTrim.p1)) >> 33
	x := ((int64(1048576-raw) << 31) - v2) * 3125 / v1
	v1 = (int64(p[7]) * (x >> 13) * (x >> 13)) >> 25
	v2 = (int64(p[6]) * x) >> 19
	return float64((x+v1+v2)>>8+int64(p[5])<<4) / 256
}

// bmeHumidity is the 32-bit integer form of §4.2.3 in %.
func bmeHumidity(raw, fine int32) float64 {
	k := bmeTrim
	v := fine - 76800
	a := (raw<<14 - int32(k.h4)<<20 - int32(k.h5)*v + 16384) >> 15
	b := (((((v * int32(k.h6)) >> 10) * (((v * int32(k.h3)) >> 11) + 32768)) >> 10) + 2097152) * int32(k.h2)
	v = a * ((b + 8192) >> 14)
	v -= ((((v >> 15) * (v >> 15)) >> 7) * int32(k.h1)) >> 4
	return float64(min(max(v, 0), 419430400)>>12) / 1024
}

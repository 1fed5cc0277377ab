package i2csim

import (
	"math"
	"sync"
	"syscall"
	"time"
)

// Commands of the SHT3x (version 5, tables 9, 13, 14 and 17) and of the SHT4x
// (version 6, table of commands).
const (
	sht3Single = 0x2400
	sht3Fetch  = 0xE000
	sht3Period = 0x2130 // one a second
	sht3Break  = 0x3093
	sht3Reset  = 0x30A2
	sht3Status = 0xF32D

	sht4Single = 0xFD
	sht4Serial = 0x89
	sht4Reset  = 0x94
)

// SHT is a simulated Sensirion SHT3x or SHT4x. While it measures, it answers only
// commands that stop it. Safe for concurrent use. Use NewSHT3x or NewSHT4x.
type SHT struct {
	mu       sync.Mutex
	fourth   bool
	temp     float64
	hum      float64
	busy     time.Time // until then the chip does not answer
	out      []byte    // result of the next read, in buf; empty = NACK
	buf      [6]byte
	periodic bool
	stall    time.Duration
	corrupt  int // words still to be sent with a wrong checksum; < 0 = all
	skip     int // words before them that are sent correctly
}

// NewSHT3x returns an SHT3x after power-on at 20 °C and 50 %.
func NewSHT3x() *SHT { return &SHT{temp: 20, hum: 50} }

// NewSHT4x returns an SHT4x after power-on at 20 °C and 50 %.
func NewSHT4x() *SHT { return &SHT{temp: 20, hum: 50, fourth: true} }

// Set sets what the chip measures: a temperature in °C (-45 to 130) and a relative
// humidity in % (0 to 100).
func (c *SHT) Set(tempC, humidityPct float64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.temp, c.hum = tempC, humidityPct
}

// PowerCycle stops whatever the chip is doing.
func (c *SHT) PowerCycle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reset()
}

func (c *SHT) reset() { c.busy, c.out, c.periodic = time.Time{}, nil, false }

// Periodic puts an SHT3x into the mode that measures once a second, as another
// program may do. In that mode it refuses single measurements.
func (c *SHT) Periodic() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.periodic = true
}

// Stall makes each measurement take d longer.
func (c *SHT) Stall(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stall = d
}

// CorruptCRC sends skip words correctly and the next n with a wrong checksum; n < 0
// means all, 0 none.
func (c *SHT) CorruptCRC(skip, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.skip, c.corrupt = skip, n
}

// Tx implements Chip.
func (c *SHT) Tx(w, r []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(w) > 0 {
		if err := c.command(w); err != nil {
			return err
		}
	}
	if len(r) == 0 {
		return nil
	}
	if len(c.out) == 0 || time.Now().Before(c.busy) {
		return syscall.EREMOTEIO
	}
	for i := range r {
		r[i] = 0xFF // released line
	}
	copy(r, c.out)
	c.out = nil
	return nil
}

func (c *SHT) command(w []byte) error {
	code, stops := 0, false
	if c.fourth {
		code = int(w[0])
		stops = code == sht4Reset
	} else if len(w) >= 2 {
		code = int(w[0])<<8 | int(w[1])
		stops = code == sht3Break || code == sht3Reset && !c.periodic
	}
	if !stops && (time.Now().Before(c.busy) || c.periodic && code != sht3Fetch) {
		return syscall.EREMOTEIO
	}
	switch code {
	case sht3Break, sht3Reset, sht4Reset:
		c.reset()
	case sht3Single:
		c.start(12500*time.Microsecond, 100*65535/100, 0)
	case sht4Single:
		c.start(6900*time.Microsecond, 100*65535/125, 6)
	case sht3Period:
		c.periodic = true
	case sht3Status:
		c.out = c.buf[:0]
		c.word(0x8010)
	case sht4Serial:
		c.out = c.buf[:0]
		c.word(0x0123)
		c.word(0x4567)
	default:
		return syscall.EREMOTEIO
	}
	return nil
}

// start begins a measurement of typical duration. The raw humidity is full * (RH +
// base) / 100.
func (c *SHT) start(takes time.Duration, full, base float64) {
	c.busy, c.out = time.Now().Add(takes+c.stall), c.buf[:0]
	c.word(clampU16((c.temp + 45) / 175 * 65535))
	c.word(clampU16((c.hum + base) / 100 * full))
}

// word appends a value and its checksum to out. The checksum is computed by
// polynomial division of a 24-bit word.
func (c *SHT) word(v uint16) {
	const poly = 0x131 << 15
	rem := uint32(v^0xFF00) << 8
	for bit := uint32(1) << 23; bit >= 1<<8; bit >>= 1 {
		if rem&bit != 0 {
			rem ^= poly / (1 << 23 / bit)
		}
	}
	crc := byte(rem)
	switch {
	case c.corrupt == 0:
	case c.skip > 0:
		c.skip--
	default:
		crc ^= 0x40
		c.corrupt--
	}
	c.out = append(c.out, byte(v>>8), byte(v), crc)
}

func clampU16(v float64) uint16 { return uint16(math.Round(min(max(v, 0), 65535))) }

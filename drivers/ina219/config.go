package ina219

import (
	"errors"
	"fmt"
	"time"
)

// config is the configuration register, §8.6.2.1.
type config uint16

// modeContinuous is the operating mode of table 6 that converts shunt and bus
// voltage without being asked.
const modeContinuous = 7

// check refuses what gives no fresh values, and what a dead line reads as.
func (c config) check() error {
	if c == 0xFFFF {
		return errors.New("configuration is all ones")
	}
	if mode := c & 7; mode != modeContinuous {
		return fmt.Errorf("operating mode %d, want %d (shunt and bus, continuous); power-cycle the chip", mode, modeContinuous)
	}
	return nil
}

// busLimit is the end of the bus voltage range in 4 mV, bit BRNG: 16 or 32 V.
func (c config) busLimit() uint16 {
	if c&0x2000 == 0 {
		return 4000
	}
	return 8000
}

// shuntLimit is the end of the shunt voltage range in 10 µV, table 3: ±40 mV
// times 1, 2, 4 or 8.
func (c config) shuntLimit() int {
	return 4000 << (c >> 11 & 3)
}

// conversion is the typical time of one shunt and one bus conversion.
func (c config) conversion() time.Duration {
	return adcTime(c>>3&0xF) + adcTime(c>>7&0xF)
}

// adcTime is table 5: 9 to 12 bits, or 2 to 128 samples of 12 bits.
func adcTime(setting config) time.Duration {
	if setting&8 == 0 {
		return [...]time.Duration{84, 148, 276, 532}[setting&3] * time.Microsecond
	}
	return 532 * time.Microsecond << (setting & 7)
}

package ina

import (
	"context"
	"fmt"
	"time"

	"iot-edge-anomaly/drivers/internal/chip"
)

// Registers and bits of the INA219, §8.6.3.
const (
	regPower = 0x03   // §8.6.3.3: reading it clears conversion ready
	busReady = 1 << 1 // §8.6.3.2: CNVR; the voltage begins at bit 3
)

// ina219 waits for the next conversion of an INA219 and returns it.
func (d *Dev) ina219(ctx context.Context) (sample, error) {
	conf, err := d.configuration(0, "INA226") // §8.6.2.1: bit 14 is unused
	if err != nil {
		return sample{}, err
	}
	if _, err := d.chip.Word("power", regPower); err != nil {
		return sample{}, err
	}
	// The flag may come up to 10 % late (§7.5: 586 µs for 532 µs).
	var bus uint16
	takes := conversion219(conf)
	err = d.chip.Poll(ctx, takes, takes/2, 4, func() (bool, error) {
		bus, err = d.chip.Word("bus voltage", regBus)
		return bus&busReady != 0, err
	})
	if err == chip.ErrNotReady {
		return sample{}, fmt.Errorf("no conversion within %v", takes*5/2)
	} else if err != nil {
		return sample{}, err
	}
	shunt, err := d.chip.Word("shunt voltage", regShunt)
	if err != nil {
		return sample{}, err
	}
	s := sample{bus: int(bus >> 3), shunt: int(int16(shunt)), busVolt: 4e-3, shuntVolt: 10e-6} // §8.6.3.1, §8.6.3.2
	s.busEnd, s.shuntEnd = ends219(conf)
	return s, nil
}

// ends219 returns the ends of the ranges, §8.6.2.1: BRNG selects 16 or 32 V, PG
// ±40 mV times 1, 2, 4 or 8 (table 4).
func ends219(conf uint16) (bus, shunt int) {
	bus = 4000
	if conf&0x2000 != 0 {
		bus = 8000
	}
	return bus, 4000 << (conf >> 11 & 3)
}

// conversion219 is the typical time of one shunt and one bus conversion.
func conversion219(conf uint16) time.Duration { return adc219(conf>>3&0xF) + adc219(conf>>7&0xF) }

// adc219 is table 5: 9 to 12 bits, or 2 to 128 samples of 12 bits.
func adc219(setting uint16) time.Duration {
	if setting&8 == 0 {
		return [...]time.Duration{84, 148, 276, 532}[setting&3] * time.Microsecond
	}
	return 532 * time.Microsecond << (setting & 7)
}

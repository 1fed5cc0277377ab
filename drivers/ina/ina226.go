package ina

import (
	"context"
	"fmt"
	"time"

	"periph.io/x/conn/v3/i2c"

	"iot-edge-anomaly/drivers/internal/chip"
)

// Registers and bits of the INA226, §7.1 table 7-1.
const (
	regMask         = 0x06 // §7.1.7: reading it clears conversion ready
	regManufacturer = 0xFE // §7.1.9
	regDie          = 0xFF // §7.1.10

	maskReady    = 1 << 3 // §7.1.7: CVRF
	manufacturer = 0x5449
	die          = 0x2260

	longest = time.Second // longest conversion that a Read waits for
)

// ina226 waits for the next conversion of an INA226 and returns it.
func (d *Dev) ina226(ctx context.Context) (sample, error) {
	conf, err := d.configuration(1<<14, "INA219") // §7.1.1: bits 14 to 12 are 100
	if err != nil {
		return sample{}, err
	}
	takes := conversion226(conf)
	if takes > longest {
		return sample{}, fmt.Errorf("a conversion takes %v, want at most %v; power-cycle the chip", takes, longest)
	}
	if _, err := d.chip.Word("conversion ready", regMask); err != nil {
		return sample{}, err
	}
	err = d.chip.Poll(ctx, takes, takes/4, 4, func() (bool, error) {
		v, err := d.chip.Word("conversion ready", regMask)
		return v&maskReady != 0, err
	})
	if err == chip.ErrNotReady {
		return sample{}, fmt.Errorf("no conversion within %v", takes*7/4)
	} else if err != nil {
		return sample{}, err
	}
	shunt, err := d.chip.Word("shunt voltage", regShunt)
	if err != nil {
		return sample{}, err
	}
	bus, err := d.chip.Word("bus voltage", regBus)
	if err != nil {
		return sample{}, err
	}
	return sample{bus: int(bus), shunt: int(int16(shunt)), busEnd: 0x7FFF, shuntEnd: 0x7FFF,
		busVolt: 1.25e-3, shuntVolt: 2.5e-6}, nil // §7.1.2, §7.1.3
}

// conversion226 is the longest time of all averaged conversions of shunt and bus.
// §5.5: the longest time is 10 % above table 7-4's typical 140 µs to 8.244 ms.
func conversion226(conf uint16) time.Duration {
	adc := [...]time.Duration{154, 224, 365, 646, 1210, 2328, 4572, 9068}
	averages := [...]time.Duration{1, 4, 16, 64, 128, 256, 512, 1024} // table 7-3
	return averages[conf>>9&7] * (adc[conf>>6&7] + adc[conf>>3&7]) * time.Microsecond
}

// Identify returns the name of the driver for the chip at addr: "ina226" from its
// two id registers; "" if it is another chip or does not answer. It reads the die id
// first, because the address of the manufacturer id is the reset command of SHT2x
// and HTU21, which also use address 0x40.
func Identify(bus i2c.Bus, addr uint16) string {
	c, err := chip.New(bus, "ina226", addr, 0x40, 0x4F)
	if err != nil {
		return ""
	}
	v, err := c.Word("die id", regDie)
	if err != nil || v != die {
		return ""
	}
	m, err := c.Word("manufacturer id", regManufacturer)
	if err != nil || m != manufacturer {
		return ""
	}
	return "ina226"
}

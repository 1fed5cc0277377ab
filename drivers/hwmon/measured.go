package hwmon

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
)

// number reads the channel and leaves out what no chip has measured.
func (c *cell) number(ctx context.Context) (float64, error) {
	v, err := c.value.Number(ctx)
	switch {
	case err != nil:
		return 0, err
	case c.wire != nil:
		return v, c.measured(v)
	case c.heat && v == 0 && !(math.Abs(c.last) <= nearZero):
		if v, err = c.again(ctx); err != nil {
			return 0, err
		}
	}
	c.last = v
	return v, nil
}

// firstConversion is the longest of an LM75 or one of its relatives, which hold
// 0 °C before; nearZero is from where, in m°C, 0 is believed. As in drivers/lm75.
const (
	firstConversion = 300 * time.Millisecond
	nearZero        = 2_000
)

// again reads the channel once more, when a chip that has just got its power has
// measured.
func (c *cell) again(ctx context.Context) (float64, error) {
	select {
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-time.After(firstConversion):
		return c.value.Number(ctx)
	}
}

// The temperatures in m°C between which a DS18B20 measures, the one that it has
// before it has measured, and the 1-Wire family of a MAX31850, which goes far
// beyond.
const (
	wireLo, wireHi = -55_000, 125_000
	powerOn        = 85_000
	thermocouple   = "3b-"
)

// measured tells a 1-Wire thermometer's temperature from what its wire or its
// supply made up.
func (c *cell) measured(v float64) error {
	switch {
	case v == powerOn:
		return errors.New("85 °C is what the thermometer says before it has measured: check its supply and cable")
	case !c.wide && (v < wireLo || v > wireHi):
		return fmt.Errorf("%g °C is none that the thermometer measures: check its supply and cable", v/1000)
	case v != 0:
		return nil
	}
	switch all := c.wire(); {
	case strings.HasPrefix(all, "00 00 00 00 00 00 00 00 00 "):
		return errors.New("the wire reads as zeros, not as 0 °C: the data line is shorted to ground")
	case !strings.HasSuffix(all, " YES"):
		return fmt.Errorf("0 °C may be a shorted data line, and w1_slave does not tell: %q", all)
	}
	return nil
}

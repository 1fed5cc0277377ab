package hwmon

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// number reads the channel and rejects values that no chip has measured.
func (c *cell) number(ctx context.Context) (float64, error) {
	v, err := c.value.Number(ctx)
	switch {
	case err != nil:
		return 0, err
	case c.wire != nil:
		return v, c.measured(v)
	case c.heat && slices.Contains(unconnected, v):
		return 0, fmt.Errorf("%g °C is what the chip says of an input without a sensor", v/1000)
	case c.heat && v == 0 && !(math.Abs(c.last) <= nearZero):
		if v, err = c.again(ctx); err != nil {
			return 0, err
		}
	}
	c.last = v
	return v, nil
}

// unconnected are the temperatures, in m°C, that chips deliver for an input to which
// nothing is connected, or whose wire is cut or shorted.
var unconnected = []float64{-273_150, -61_000, 127_500, 255_000}

// As in drivers/lm75.
const (
	// firstConversion is the longest time from power-on to the end of the first
	// conversion of an LM75 or one of its relatives. Until then they hold 0 °C.
	firstConversion = 300 * time.Millisecond
	// nearZero is how close to 0, in m°C, the previous value must be for an exact
	// 0 to be a plausible temperature.
	nearZero = 2_000
)

// again reads the channel once more, after the first conversion of a chip that was
// just powered on.
func (c *cell) again(ctx context.Context) (float64, error) {
	select {
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-time.After(firstConversion):
		return c.value.Number(ctx)
	}
}

const (
	wireLo, wireHi = -55_000, 125_000 // range of a DS18B20, m°C
	powerOn        = 85_000           // its value before its first conversion, m°C
	thermocouple   = "3b-"            // 1-Wire family of a MAX31850, whose range is far wider
)

// measured returns an error if a 1-Wire thermometer's value comes from a fault of
// its wire or supply.
func (c *cell) measured(v float64) error {
	switch {
	case v == powerOn:
		return errors.New("85 °C is the thermometer's value before its first conversion: check its supply and cable")
	case !c.wide && (v < wireLo || v > wireHi):
		return fmt.Errorf("%g °C is outside the thermometer's range, -55 to 125: check its supply and cable", v/1000)
	case v != 0:
		return nil
	}
	switch all := c.wire(); {
	case strings.HasPrefix(all, "00 00 00 00 00 00 00 00 00 "):
		return errors.New("all bytes are zero, which is not 0 °C: the data line is shorted to ground")
	case !strings.HasSuffix(all, " YES"):
		return fmt.Errorf("0 °C may mean a shorted data line, and w1_slave does not exclude it: %q", all)
	}
	return nil
}

package ina

import (
	"math"
	"testing"
	"testing/synctest"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/i2c/i2ctest"

	"iot-edge-anomaly/drivers/sim/i2csim"
)

// Each chip read as the other has registers of the same numbers that mean other
// voltages: 14.4 V of an INA226 were delivered as 5.76 V.
func TestRead_otherChip(t *testing.T) {
	for _, c := range []struct {
		open func(i2c.Bus, Options) (*Dev, error)
		want string
	}{
		{NewINA219, "ina219 at 0x40: configuration 0x4127 does not fit this chip: is it an INA226?"},
		{NewINA226, "ina226 at 0x40: configuration 0x399f does not fit this chip: is it an INA219?"},
	} {
		synctest.Test(t, func(t *testing.T) {
			chip219, chip226 := i2csim.NewINA219(0.1), i2csim.NewINA226(0.1)
			chip219.Set(14.4, 0.5)
			chip226.Set(14.4025, 0.5) // its bus voltage has the INA219's bit of a finished conversion set
			bus, dst := i2csim.New("sim"), make([]float64, 3)
			d, _ := c.open(bus, Options{})
			if bus.Attach(0x40, chip219); d.String() == "ina219 at 0x40" {
				bus.Attach(0x40, chip226)
			}
			err := d.Read(t.Context(), dst)
			if err == nil || err.Error() != c.want || !math.IsNaN(dst[0]) || !math.IsNaN(dst[1]) {
				t.Errorf("got %v %v, want %s", dst, err, c.want)
			}
		})
	}
}

// An SHT2x at 0x40 takes the address of the manufacturer's id as its command to
// reset: what is no INA226 by its die is not asked for it.
// A chip that is reset between the end of a conversion and the reading of its
// voltages holds 0 of one or both: that is not delivered, while a true 0 is.
func TestRead_resetAfterConversion(t *testing.T) {
	at := func(reg byte, v uint16) i2ctest.IO {
		return i2ctest.IO{Addr: 0x40, W: []byte{reg}, R: []byte{byte(v >> 8), byte(v)}}
	}
	ina219 := func(bus, shunt uint16) []i2ctest.IO {
		return []i2ctest.IO{at(regConfig, 0x399F), at(regPower, 0), at(regBus, bus<<3|busReady), at(regShunt, shunt)}
	}
	ina226 := func(bus, shunt uint16) []i2ctest.IO {
		return []i2ctest.IO{at(regConfig, 0x4127), at(regMask, 0), at(regMask, maskReady), at(regShunt, shunt), at(regBus, bus)}
	}
	for _, c := range []struct {
		open         func(i2c.Bus, Options) (*Dev, error)
		ops          []i2ctest.IO
		volt, ampere float64
	}{
		{NewINA219, append(ina219(6000, 0), ina219(6000, 2000)...), 24, 0.2},
		{NewINA219, append(ina219(6000, 0), ina219(6000, 0)...), 24, 0},
		{NewINA219, ina219(6000, 2000), 24, 0.2},
		{NewINA226, append(ina226(0, 8000), ina226(19200, 8000)...), 24, 0.2},
		{NewINA226, append(ina226(0, 0), ina226(0, 0)...), 0, 0},
		{NewINA226, ina226(19200, 0xE0C0), 24, -0.2},
	} {
		bus := &i2ctest.Playback{DontPanic: true, Ops: c.ops}
		d, _ := c.open(bus, Options{})
		dst := make([]float64, 3)
		if err := d.Read(t.Context(), dst); err != nil || math.Abs(dst[0]-c.volt) > 1e-9 || math.Abs(dst[1]-c.ampere) > 1e-9 {
			t.Errorf("%v: got %v %v, want %v V %v A", d, dst, err, c.volt, c.ampere)
		}
		if err := bus.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestIdentify_gentle(t *testing.T) {
	bus, other := i2csim.New("sim"), &listening{Chip: i2csim.NewINA219(0.1)}
	bus.Attach(0x40, other)
	if got := Identify(bus, 0x40); got != "" || len(other.asked) != 1 || other.asked[0] != regDie {
		t.Errorf("%q after asking % x", got, other.asked)
	}
}

// listening is a chip that remembers what it was asked for.
type listening struct {
	i2csim.Chip
	asked []byte
}

func (l *listening) Tx(w, r []byte) error {
	l.asked = append(l.asked, w...)
	return l.Chip.Tx(w, r)
}

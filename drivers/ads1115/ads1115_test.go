package ads1115

import (
	"context"
	"errors"
	"math"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/i2c/i2ctest"

	"iot-edge-anomaly/drivers"
	"iot-edge-anomaly/drivers/driverstest"
	"iot-edge-anomaly/drivers/sim/i2csim"
)

// two are a level transmitter of 4 to 20 mA over 100 Ω and a bridge.
var two = []Input{
	{Name: "level", Quantity: drivers.Quantity{Unit: "m"}, Positive: 0, Negative: Ground, FullScale: 2.048, Scale: 3.125, Offset: -1.25},
	{Name: "bridge", Quantity: drivers.Voltage, Positive: 2, Negative: 3, FullScale: 0.256, Scale: 1},
}

func on(t *testing.T, o Options) (*Dev, *i2csim.ADS1115, *i2csim.Bus) {
	bus, chip := i2csim.New("sim"), i2csim.NewADS1115()
	bus.Attach(0x48, chip)
	d, err := New(bus, o)
	if err != nil {
		t.Fatal(err)
	}
	return d, chip, bus
}

func TestConformance(t *testing.T) {
	driverstest.Run(t, func(t *testing.T) driverstest.Fixture {
		d, _, bus := on(t, Options{Rate: 860, Inputs: two})
		return driverstest.On(bus, d)
	}, driverstest.Options{})
}

// §7.5.4 table 7-3: the ideal output codes.
func TestValue(t *testing.T) {
	in := input{Input: Input{Scale: 1}, lsb: 2.048 / 32768}
	for raw, want := range map[int16]float64{0x7FFE: 2.048 * 32766 / 32768, 1: 62.5e-6, 0: 0, -1: -62.5e-6, -0x7FFF: -2.048 * 32767 / 32768} {
		if got := in.value(raw); math.Abs(got-want) > 1e-15 {
			t.Errorf("%04x: %v V, want %v", uint16(raw), got, want)
		}
	}
}

func TestRead_values(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, chip, _ := on(t, Options{Inputs: two})
		dst := make([]float64, 2)
		for _, c := range []struct{ ma, plus, minus, level, bridge float64 }{
			{4, 1.65, 1.65, 0, 0}, {20, 1.7, 1.65, 5, 0.05}, {12, 1.5, 1.65, 2.5, -0.15},
		} {
			chip.Set(0, c.ma*0.1)
			chip.Set(2, c.plus)
			chip.Set(3, c.minus)
			begin := time.Now()
			if err := d.Read(t.Context(), dst); err != nil {
				t.Fatal(err)
			}
			if math.Abs(dst[0]-c.level) > 0.0002 || math.Abs(dst[1]-c.bridge) > 0.00001 {
				t.Errorf("got %v, want %v %v", dst, c.level, c.bridge)
			}
			if took := time.Since(begin); took > 18*time.Millisecond {
				t.Errorf("took %v", took)
			}
			chip.PowerCycle() // everything is written anew
		}
	})
}

// Every pair of pins, range and rate gives what is at the pins.
func TestRead_everySetting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		volts := [4]float64{0.2, 0.1, 0.15, 0.05}
		for pins := range muxes {
			for full := range gains {
				for rate := range rates {
					d, chip, _ := on(t, Options{Rate: rate, Inputs: []Input{{Name: "a", Positive: pins[0], Negative: pins[1], FullScale: full, Scale: 1}}})
					want := volts[pins[0]]
					if pins[1] != Ground {
						want -= volts[pins[1]]
					}
					for pin, v := range volts {
						chip.Set(pin, v)
					}
					dst := []float64{0}
					if err := d.Read(t.Context(), dst); err != nil || math.Abs(dst[0]-want) > full/32768 {
						t.Errorf("pins %v, %v V, %d/s: got %v %v, want %v", pins, full, rate, dst, err, want)
					}
				}
			}
		}
	})
}

// The end of a range is no measurement, and the other input stays.
func TestRead_endOfRange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, chip, _ := on(t, Options{Inputs: two})
		dst := make([]float64, 2)
		chip.Set(0, 2.5)
		err := d.Read(t.Context(), dst)
		if err == nil || err.Error() != "ads1115 at 0x48: input level is at the end of its range, ±2.048 V" || !math.IsNaN(dst[0]) || dst[1] != 0 {
			t.Errorf("got %v %v", dst, err)
		}
		chip.Set(0, -3)
		chip.Set(3, 1)
		err = d.Read(t.Context(), dst)
		if err == nil || !strings.Contains(err.Error(), "level") || !strings.Contains(err.Error(), "bridge") || !math.IsNaN(dst[0]) || !math.IsNaN(dst[1]) {
			t.Errorf("got %v %v", dst, err)
		}
	})
}

// A chip that loses its power while it converts says "ended" with the input and
// range of power-on.
func TestRead_resetDuringConversion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, chip, _ := on(t, Options{Inputs: two})
		dst := make([]float64, 2)
		time.AfterFunc(4*time.Millisecond, chip.PowerCycle)
		err := d.Read(t.Context(), dst)
		if err == nil || err.Error() != "ads1115 at 0x48: configuration is 0x8583, want 0xc583: the chip was reset or set by another program" || !math.IsNaN(dst[0]) || !math.IsNaN(dst[1]) {
			t.Errorf("got %v %v", dst, err)
		}
		if err := d.Read(t.Context(), dst); err != nil {
			t.Error(err)
		}
	})
}

// One whose only input is set as after power-on says "ended" and 0 V.
func TestRead_resetOfDefaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, chip, _ := on(t, Options{Inputs: []Input{{Name: "a", Positive: 0, Negative: 1, Scale: 1}}})
		dst := []float64{0}
		chip.Set(0, 1.5)
		time.AfterFunc(4*time.Millisecond, chip.PowerCycle)
		if err := d.Read(t.Context(), dst); err != nil || dst[0] != 1.5 {
			t.Errorf("got %v %v", dst, err)
		}
		chip.Set(0, 0)
		if err := d.Read(t.Context(), dst); err != nil || dst[0] != 0 {
			t.Errorf("got %v %v", dst, err)
		}
	})
}

// A chip that another program left converting, or that still converts what a
// cancelled read asked for, is waited for: its value is another input's.
func TestRead_busyChip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, chip, bus := on(t, Options{Rate: 8, Inputs: two})
		chip.Set(0, 1)
		chip.Set(2, 0.1)
		dst := make([]float64, 2)
		bus.Tx(0x48, []byte{regConfig, 0x04, 0x03}, nil) // continuous, 8 a second
		good := func() {
			t.Helper()
			if err := d.Read(t.Context(), dst); err != nil || math.Abs(dst[0]-1.875) > 0.001 || math.Abs(dst[1]-0.1) > 0.0001 {
				t.Errorf("got %v %v", dst, err)
			}
		}
		good()
		ctx, cancel := context.WithTimeout(t.Context(), 150*time.Millisecond) // in the second input
		defer cancel()
		if err := d.Read(ctx, dst); !errors.Is(err, context.DeadlineExceeded) || math.Abs(dst[0]-1.875) > 0.001 || !math.IsNaN(dst[1]) {
			t.Errorf("got %v %v", dst, err)
		}
		good()
	})
}

func TestRead_failAtStep(t *testing.T) {
	w := func(v uint16) i2ctest.IO {
		return i2ctest.IO{Addr: 0x48, W: []byte{regConfig, byte(v >> 8), byte(v)}}
	}
	r := func(reg byte, v uint16) i2ctest.IO {
		return i2ctest.IO{Addr: 0x48, W: []byte{reg}, R: []byte{byte(v >> 8), byte(v)}}
	}
	good := []i2ctest.IO{w(0x45E3), r(regConfig, 0xC5E3), w(0xC5E3), r(regConfig, 0x45E3), r(regConfig, 0xC5E3), r(regConversion, 0x4000)}
	open := func(ops []i2ctest.IO) (*Dev, *i2ctest.Playback) {
		bus := &i2ctest.Playback{DontPanic: true, Ops: ops}
		d, err := New(bus, Options{Rate: 860, Inputs: two[:1]})
		if err != nil {
			t.Fatal(err)
		}
		return d, bus
	}
	dst := []float64{0}
	d, bus := open(good)
	if err := d.Read(t.Context(), dst); err != nil || math.Abs(dst[0]-(1.024*3.125-1.25)) > 1e-9 {
		t.Errorf("got %v %v", dst, err)
	}
	if err := bus.Close(); err != nil {
		t.Error(err)
	}
	for step, want := range []string{"writing stop: ", "reading configuration: ", "writing start of a conversion: ",
		"reading configuration: ", "reading configuration: ", "reading conversion: "} {
		d, _ := open(good[:step])
		err := d.Read(t.Context(), dst)
		if err == nil || !strings.HasPrefix(err.Error(), "ads1115 at 0x48: "+want) || !math.IsNaN(dst[0]) {
			t.Errorf("step %d: got %v %v, want %q", step, dst, err, want)
		}
	}
	busy := r(regConfig, 0x45E3)
	d, _ = open(append(good[:3:3], busy, busy, busy, busy))
	if err := d.Read(t.Context(), dst); err == nil || !strings.Contains(err.Error(), "input level: no conversion within 2.2") {
		t.Errorf("never ready: %v", err)
	}
	d, _ = open(append(good[:1:1], busy, busy, busy, busy, busy, busy, busy, busy))
	if err := d.Read(t.Context(), dst); err == nil || !strings.Contains(err.Error(), "a conversion that was running does not end") {
		t.Errorf("never idle: %v", err)
	}
	d, _ = open(append(good[:3:3], r(regConfig, 0xFFFF)))
	if err := d.Read(t.Context(), dst); err == nil || !strings.Contains(err.Error(), "configuration is 0xffff") {
		t.Errorf("dead line: %v", err)
	}
}

func TestRead_absentThenThere(t *testing.T) {
	d, chip, bus := on(t, Options{Rate: 860, Inputs: two})
	bus.Detach(0x48)
	dst := make([]float64, 2)
	if err := d.Read(t.Context(), dst); !errors.Is(err, syscall.ENXIO) {
		t.Errorf("got %v", err)
	}
	bus.Attach(0x48, chip)
	if err := d.Read(t.Context(), dst); err != nil {
		t.Error(err)
	}
}

func TestNew_options(t *testing.T) {
	for _, c := range []struct {
		o    Options
		want string
	}{
		{Options{Address: 0x50, Inputs: two}, "ads1115: address 0x50, want 0x48 to 0x4b"},
		{Options{}, "ads1115: no inputs"},
		{Options{Rate: 100, Inputs: two}, "ads1115: rate 100, want 8, 16, 32, 64, 128, 250, 475 or 860"},
		{Options{Inputs: []Input{{Name: "a", Positive: 1, Negative: 2}}}, "ads1115: input a: pins 1 and 2, want 0 to 3 against ground, 0-1, 0-3, 1-3 or 2-3"},
		{Options{Inputs: []Input{{Name: "a", Negative: Ground, FullScale: 5}}}, "ads1115: input a: full scale 5 V, want 6.144, 4.096, 2.048, 1.024, 0.512 or 0.256"},
	} {
		if _, err := New(nil, c.o); err == nil || err.Error() != c.want {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
}

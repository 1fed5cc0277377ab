package ina

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

	"iot-edge-anomaly/drivers/driverstest"
	"iot-edge-anomaly/drivers/sim/i2csim"
)

func TestINA219_conformance(t *testing.T) {
	driverstest.Run(t, func(t *testing.T) driverstest.Fixture {
		bus := i2csim.New("sim")
		bus.Attach(0x40, i2csim.NewINA219(0.1))
		d, err := NewINA219(bus, Options{})
		if err != nil {
			t.Fatal(err)
		}
		return driverstest.On(bus, d)
	}, driverstest.Options{})
}

// SBOS448G §9.2.2.1 table 8: 20 mV over 2 mΩ at 11.98 V.
func TestINA219_example(t *testing.T) {
	bus := &i2ctest.Playback{DontPanic: true, Ops: []i2ctest.IO{
		{Addr: 0x40, W: []byte{regConfig}, R: []byte{0x39, 0x9F}},
		{Addr: 0x40, W: []byte{regPower}, R: []byte{0x17, 0x66}},
		{Addr: 0x40, W: []byte{regBus}, R: []byte{0x5D, 0x98 | busReady}},
		{Addr: 0x40, W: []byte{regShunt}, R: []byte{0x07, 0xD0}},
	}}
	d, _ := NewINA219(bus, Options{ShuntOhm: 0.002})
	dst := make([]float64, 3)
	if err := d.Read(t.Context(), dst); err != nil {
		t.Fatal(err)
	}
	for i, want := range []float64{11.98, 10, 119.8} {
		if math.Abs(dst[i]-want) > 1e-9 {
			t.Errorf("value %d is %v, want %v", i, dst[i], want)
		}
	}
	if err := bus.Close(); err != nil {
		t.Error(err)
	}
}

func TestINA219_values(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus, chip := i2csim.New("sim"), i2csim.NewINA219(0.1)
		bus.Attach(0x4F, chip)
		d, _ := NewINA219(bus, Options{Address: 0x4F, ShuntOhm: 0.1})
		dst := make([]float64, 3)
		for _, want := range [][2]float64{{24, 2}, {0, 0}, {5, -1.5}, {26, 3.1999}, {0.004, 0.0001}} {
			chip.Set(want[0], want[1])
			if err := d.Read(t.Context(), dst); err != nil {
				t.Fatal(err)
			}
			if math.Abs(dst[0]-want[0]) > 0.0021 || math.Abs(dst[1]-want[1]) > 0.000051 ||
				math.Abs(dst[2]-dst[0]*dst[1]) > 1e-12 {
				t.Errorf("got %v, want %v", dst, want)
			}
			chip.PowerCycle() // changes nothing for the next
		}
	})
}

// The end of a range is no measurement, and the other value stays.
func TestINA219_endOfRange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus, chip := i2csim.New("sim"), i2csim.NewINA219(0.1)
		bus.Attach(0x40, chip)
		bus.Tx(0x40, []byte{regConfig, 0x1F, 0xFF}, nil) // somebody chose 16 V, 128 samples
		d, _ := NewINA219(bus, Options{})
		dst := make([]float64, 3)
		chip.Set(24, 1)
		begin := time.Now()
		err := d.Read(t.Context(), dst)
		if err == nil || err.Error() != "ina219 at 0x40: bus voltage is at the end of its range, 16 V" {
			t.Errorf("got %v", err)
		}
		if !math.IsNaN(dst[0]) || dst[1] != 1 || !math.IsNaN(dst[2]) {
			t.Errorf("got %v", dst)
		}
		if took := time.Since(begin); took < 136*time.Millisecond {
			t.Errorf("took %v, 128 samples of two values take 136 ms", took)
		}
		chip.Set(12, -5)
		err = d.Read(t.Context(), dst)
		if err == nil || err.Error() != "ina219 at 0x40: shunt voltage is at the end of its range, ±320 mV" {
			t.Errorf("got %v", err)
		}
		if dst[0] != 12 || !math.IsNaN(dst[1]) || !math.IsNaN(dst[2]) {
			t.Errorf("got %v", dst)
		}
	})
}

// A chip that does not convert is not read.
func TestINA219_notConverting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus, chip := i2csim.New("sim"), i2csim.NewINA219(0.1)
		bus.Attach(0x40, chip)
		d, _ := NewINA219(bus, Options{})
		dst := make([]float64, 3)
		bus.Tx(0x40, []byte{regConfig, 0x39, 0x98}, nil) // power-down
		err := d.Read(t.Context(), dst)
		if err == nil || !strings.HasPrefix(err.Error(), "ina219 at 0x40: operating mode 0, want 7") {
			t.Errorf("got %v", err)
		}
		chip.PowerCycle()
		if err := d.Read(t.Context(), dst); err != nil {
			t.Error(err)
		}
	})
}

func TestINA219_failAtStep(t *testing.T) {
	good := []i2ctest.IO{
		{Addr: 0x40, W: []byte{regConfig}, R: []byte{0x39, 0x9F}},
		{Addr: 0x40, W: []byte{regPower}, R: []byte{0, 0}},
		{Addr: 0x40, W: []byte{regBus}, R: []byte{0x5D, 0x98}}, // not ready
		{Addr: 0x40, W: []byte{regBus}, R: []byte{0x5D, 0x98}},
		{Addr: 0x40, W: []byte{regBus}, R: []byte{0x5D, 0x98}},
		{Addr: 0x40, W: []byte{regBus}, R: []byte{0x5D, 0x98 | busReady}},
		{Addr: 0x40, W: []byte{regShunt}, R: []byte{0x07, 0xD0}},
	}
	for step, want := range []string{"reading configuration: ", "reading power: ", "reading bus voltage: ",
		"reading bus voltage: ", "reading bus voltage: ", "reading bus voltage: ", "reading shunt voltage: "} {
		d, _ := NewINA219(&i2ctest.Playback{DontPanic: true, Ops: good[:step]}, Options{})
		dst := make([]float64, 3)
		err := d.Read(t.Context(), dst)
		if err == nil || !strings.HasPrefix(err.Error(), "ina219 at 0x40: "+want) {
			t.Errorf("step %d: got %v, want %q", step, err, want)
		}
		if !math.IsNaN(dst[0]) || !math.IsNaN(dst[1]) || !math.IsNaN(dst[2]) {
			t.Errorf("step %d: got %v", step, dst)
		}
	}
	good[5].R = []byte{0x5D, 0x98}
	d, _ := NewINA219(&i2ctest.Playback{DontPanic: true, Ops: good}, Options{})
	if err := d.Read(t.Context(), make([]float64, 3)); err == nil || !strings.Contains(err.Error(), "no conversion within 2.66ms") {
		t.Errorf("never ready: %v", err)
	}
	good[0].R = []byte{0xFF, 0xFF}
	d, _ = NewINA219(&i2ctest.Playback{DontPanic: true, Ops: good}, Options{})
	if err := d.Read(t.Context(), make([]float64, 3)); err == nil || !strings.Contains(err.Error(), "all ones") {
		t.Errorf("dead line: %v", err)
	}
}

func TestINA219_absentThenThere(t *testing.T) {
	bus := i2csim.New("sim")
	d, _ := NewINA219(bus, Options{})
	dst := make([]float64, 3)
	if err := d.Read(t.Context(), dst); !errors.Is(err, syscall.ENXIO) {
		t.Errorf("got %v", err)
	}
	bus.Attach(0x40, i2csim.NewINA219(0.1))
	if err := d.Read(t.Context(), dst); err != nil {
		t.Error(err)
	}
}

func TestINA219_cancelledWhileConverting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := i2csim.New("sim")
		bus.Attach(0x40, i2csim.NewINA219(0.1))
		bus.Tx(0x40, []byte{regConfig, 0x3F, 0xFF}, nil) // 136 ms
		d, _ := NewINA219(bus, Options{})
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		begin, dst := time.Now(), make([]float64, 3)
		if err := d.Read(ctx, dst); !errors.Is(err, context.DeadlineExceeded) || !math.IsNaN(dst[0]) {
			t.Errorf("got %v %v", dst, err)
		}
		if took := time.Since(begin); took != 50*time.Millisecond {
			t.Errorf("took %v", took)
		}
	})
}

func TestINA219_options(t *testing.T) {
	for _, c := range []struct {
		o    Options
		want string
	}{
		{Options{Address: 0x76}, "ina219: address 0x76, want 0x40 to 0x4f"},
		{Options{ShuntOhm: -1}, "ina219: shunt -1 Ω, want more than 0"},
		{Options{ShuntOhm: math.NaN()}, "ina219: shunt NaN Ω, want more than 0"},
	} {
		if _, err := NewINA219(nil, c.o); err == nil || err.Error() != c.want {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
}

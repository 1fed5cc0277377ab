package lm75

import (
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

func TestConformance(t *testing.T) {
	driverstest.Run(t, func(t *testing.T) driverstest.Fixture {
		bus := i2csim.New("sim")
		bus.Attach(0x48, i2csim.NewLM75(11))
		d, err := New(bus, Options{})
		if err != nil {
			t.Fatal(err)
		}
		return driverstest.On(bus, d)
	}, driverstest.Options{})
}

// NXP LM75B table 10; for 9 bits the same register of the LM75; for 12 bits
// TMP75 table 5. Bits beyond the resolution are set to show that they do not
// count.
func TestRead_table(t *testing.T) {
	for _, c := range []struct {
		bits   int
		hi, lo byte
		want   float64
	}{
		{11, 0x7F, 0x00, 127}, {11, 0x7E, 0xE0, 126.875}, {11, 0x19, 0x00, 25}, {11, 0x00, 0x20, 0.125},
		{11, 0x00, 0x1F, 0}, {11, 0xFF, 0xE0, -0.125}, {11, 0xE7, 0x00, -25}, {11, 0xC9, 0x20, -54.875},
		{11, 0xC9, 0x00, -55}, {9, 0x7D, 0x7F, 125}, {9, 0x00, 0x80, 0.5}, {9, 0xFF, 0xFF, -0.5},
		{9, 0xC9, 0x00, -55}, {10, 0x00, 0x7F, 0.25}, {12, 0x00, 0x10, 0.0625}, {12, 0xFF, 0xFF, -0.0625},
	} {
		ops := []i2ctest.IO{{Addr: 0x4A, W: []byte{1}, R: []byte{0x60}}, {Addr: 0x4A, W: []byte{0}, R: []byte{c.hi, c.lo}}}
		if c.want == 0 {
			ops = append(ops, ops[1]) // it is asked again
		}
		bus := &i2ctest.Playback{DontPanic: true, Ops: ops}
		d, err := New(bus, Options{Address: 0x4A, Bits: c.bits})
		if err != nil {
			t.Fatal(err)
		}
		dst := []float64{0}
		if err := d.Read(t.Context(), dst); err != nil || dst[0] != c.want {
			t.Errorf("%d bits %02x%02x: %v %v, want %v", c.bits, c.hi, c.lo, dst[0], err, c.want)
		}
		if err := bus.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestRead_absentThenThere(t *testing.T) {
	bus, chip := i2csim.New("sim"), i2csim.NewLM75(12)
	d, _ := New(bus, Options{Bits: 12})
	dst := []float64{0}
	err := d.Read(t.Context(), dst)
	if !errors.Is(err, syscall.ENXIO) ||
		err.Error() != "lm75 at 0x48: reading configuration: sim address 0x48: no such device or address" {
		t.Errorf("got %v", err)
	}
	chip.Set(-10.25)
	bus.Attach(0x48, chip)
	if err := d.Read(t.Context(), dst); err != nil || dst[0] != -10.25 {
		t.Errorf("got %v %v", dst, err)
	}
}

// A chip that has just got its power says 0 °C: that is not delivered, while a
// true 0 °C is, and is waited for once.
func TestRead_powerOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus, chip := i2csim.New("sim"), i2csim.NewLM75(11)
		bus.Attach(0x48, chip)
		d, _ := New(bus, Options{})
		dst := []float64{0}
		for _, want := range []float64{20, 20, 0, 0, 0.5, 0, 60, -20, -20} {
			if math.Abs(dst[0]) >= 20 && dst[0] == want {
				chip.PowerCycle()
			}
			chip.Set(want)
			if err := d.Read(t.Context(), dst); err != nil || dst[0] != want {
				t.Errorf("got %v %v, want %v", dst, err, want)
			}
		}
		chip.Set(0) // from -20
		begin := time.Now()
		for range 5 {
			if err := d.Read(t.Context(), dst); err != nil || dst[0] != 0 {
				t.Errorf("got %v %v", dst, err)
			}
		}
		if took := time.Since(begin); took != firstConversion {
			t.Errorf("took %v", took)
		}
		bus.Detach(0x48)
		if err := d.Read(t.Context(), dst); err == nil || d.Read(t.Context(), dst) == nil {
			t.Error("read without a chip")
		}
		chip.Set(30)
		chip.PowerCycle()
		bus.Attach(0x48, chip)
		if err := d.Read(t.Context(), dst); err != nil || dst[0] != 30 {
			t.Errorf("got %v %v", dst, err)
		}
	})
}

// A chip in shutdown repeats its last temperature: it is not read.
func TestRead_shutdown(t *testing.T) {
	bus, chip := i2csim.New("sim"), i2csim.NewLM75(11)
	bus.Attach(0x48, chip)
	d, _ := New(bus, Options{})
	dst := []float64{0}
	for _, c := range []struct {
		conf byte
		stop bool
	}{{0x00, false}, {0x01, true}, {0x61, true}, {0x1E, false}, {0x60, false}} { // 0x60: a TMP75's 12 bits
		if err := bus.Tx(0x48, []byte{regConfig, c.conf}, nil); err != nil {
			t.Fatal(err)
		}
		chip.Set(35)
		err := d.Read(t.Context(), dst)
		if c.stop && (err == nil || err.Error() != "lm75 at 0x48: the chip is in shutdown; power-cycle it" || !math.IsNaN(dst[0])) || !c.stop && (err != nil || dst[0] != 35) {
			t.Errorf("configuration 0x%02x: got %v %v", c.conf, dst, err)
		}
	}
}

func TestRead_failAtStep(t *testing.T) {
	conf, zero := i2ctest.IO{Addr: 0x48, W: []byte{regConfig}, R: []byte{0}}, i2ctest.IO{Addr: 0x48, W: []byte{regTemp}, R: []byte{0, 0}}
	for step, want := range []string{"reading configuration: ", "reading temperature: ", "reading temperature: "} {
		d, _ := New(&i2ctest.Playback{DontPanic: true, Ops: []i2ctest.IO{conf, zero}[:step]}, Options{})
		dst := []float64{0}
		if err := d.Read(t.Context(), dst); err == nil || !strings.HasPrefix(err.Error(), "lm75 at 0x48: "+want) || !math.IsNaN(dst[0]) {
			t.Errorf("step %d: got %v %v, want %s", step, dst, err, want)
		}
	}
}

func TestNew_options(t *testing.T) {
	for _, c := range []struct {
		o    Options
		want string
	}{
		{Options{Address: 0x50}, "lm75: address 0x50, want 0x48 to 0x4f"},
		{Options{Bits: 13}, "lm75: 13 bits, want 9 to 12"},
		{Options{Bits: 8}, "lm75: 8 bits, want 9 to 12"},
	} {
		if _, err := New(nil, c.o); err == nil || err.Error() != c.want {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
}

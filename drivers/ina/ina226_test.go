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

// on is a sensor and its chip with 0.1 Ω at 0x40 of a simulated bus.
func ina226(t *testing.T) (*Dev, *i2csim.INA226, *i2csim.Bus) {
	bus, chip := i2csim.New("sim"), i2csim.NewINA226(0.1)
	bus.Attach(0x40, chip)
	d, err := NewINA226(bus, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return d, chip, bus
}

func TestINA226_conformance(t *testing.T) {
	driverstest.Run(t, func(t *testing.T) driverstest.Fixture {
		d, _, bus := ina226(t)
		return driverstest.On(bus, d)
	}, driverstest.Options{})
}

// The words of one read with the power-on configuration and the example of
// SBOS547B §6.5.1: 20 mV over 2 mΩ at 11.98 V.
func words(values ...uint16) (ops []i2ctest.IO) {
	for i, reg := range []byte{regConfig, regMask, regMask, regShunt, regBus}[:len(values)] {
		ops = append(ops, i2ctest.IO{Addr: 0x40, W: []byte{reg}, R: []byte{byte(values[i] >> 8), byte(values[i])}})
	}
	return ops
}

func TestINA226_example(t *testing.T) {
	bus := &i2ctest.Playback{DontPanic: true, Ops: words(0x4127, 0, maskReady, 0x1F40, 0x2570)}
	d, _ := NewINA226(bus, Options{ShuntOhm: 0.002})
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

func TestINA226_values(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, chip, _ := ina226(t)
		dst := make([]float64, 3)
		for _, want := range [][2]float64{{24, 0.5}, {0, 0}, {5, -0.3}, {36, 0.8191}, {0.00125, 0.000025}} {
			chip.Set(want[0], want[1])
			if err := d.Read(t.Context(), dst); err != nil {
				t.Fatal(err)
			}
			if math.Abs(dst[0]-want[0]) > 0.00063 || math.Abs(dst[1]-want[1]) > 0.0000126 || dst[2] != dst[0]*dst[1] {
				t.Errorf("got %v, want %v", dst, want)
			}
			chip.PowerCycle() // changes nothing for the next
		}
	})
}

// What another master chose is honoured; its averages are waited for.
func TestINA226_averages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, chip, bus := ina226(t)
		bus.Tx(0x40, []byte{regConfig, 0x47, 0x27}, nil) // 64 averages of 1.1 ms each
		chip.Set(12, 0.25)
		begin, dst := time.Now(), make([]float64, 3)
		if err := d.Read(t.Context(), dst); err != nil || dst[0] != 12 || math.Abs(dst[1]-0.25) > 1e-9 {
			t.Errorf("got %v %v", dst, err)
		}
		if took := time.Since(begin); took < 140*time.Millisecond {
			t.Errorf("took %v, 64 averages take 141 ms", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if err := d.Read(ctx, dst); !errors.Is(err, context.DeadlineExceeded) || !math.IsNaN(dst[0]) {
			t.Errorf("got %v %v", dst, err)
		}
	})
}

// The end of a range is no measurement, and the other value stays.
func TestINA226_endOfRange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, chip, _ := ina226(t)
		dst := make([]float64, 3)
		chip.Set(45, 0.5)
		err := d.Read(t.Context(), dst)
		if err == nil || err.Error() != "ina226 at 0x40: bus voltage is at the end of its range, 40.96 V" || !math.IsNaN(dst[0]) || dst[1] != 0.5 || !math.IsNaN(dst[2]) {
			t.Errorf("got %v %v", dst, err)
		}
		for _, ampere := range []float64{1, -1} {
			chip.Set(12, ampere)
			err = d.Read(t.Context(), dst)
			if err == nil || err.Error() != "ina226 at 0x40: shunt voltage is at the end of its range, ±81.92 mV" || dst[0] != 12 || !math.IsNaN(dst[1]) || !math.IsNaN(dst[2]) {
				t.Errorf("got %v %v", dst, err)
			}
		}
	})
}

func TestINA226_failAtStep(t *testing.T) {
	for _, c := range []struct {
		ops  []i2ctest.IO
		want string
	}{
		{nil, "reading configuration: "},
		{words(0xFFFF), "configuration is all ones"},
		{words(0x4120), "operating mode 0, want 7"},
		{words(0x4123), "operating mode 3, want 7"},
		{words(0x4FFF), "a conversion takes 18.571264s, want at most 1s"},
		{words(0x4127), "reading conversion ready: "},
		{words(0x4127, 0), "reading conversion ready: "},
		{words(0x4127, 0, maskReady), "reading shunt voltage: "},
		{words(0x4127, 0, maskReady, 0x1F40), "reading bus voltage: "},
		{append(words(0x4127, 0, 0), append(words(0, 0, 0)[2:], append(words(0, 0, 0)[2:], words(0, 0, 0)[2:]...)...)...), "no conversion within 4.235ms"},
	} {
		d, _ := NewINA226(&i2ctest.Playback{DontPanic: true, Ops: c.ops}, Options{})
		dst := make([]float64, 3)
		err := d.Read(t.Context(), dst)
		if err == nil || !strings.HasPrefix(err.Error(), "ina226 at 0x40: "+c.want) || !math.IsNaN(dst[0]) || !math.IsNaN(dst[1]) || !math.IsNaN(dst[2]) {
			t.Errorf("got %v %v, want %q", dst, err, c.want)
		}
	}
}

func TestINA226_absentThenThere(t *testing.T) {
	d, chip, bus := ina226(t)
	bus.Detach(0x40)
	dst := make([]float64, 3)
	if err := d.Read(t.Context(), dst); !errors.Is(err, syscall.ENXIO) {
		t.Errorf("got %v", err)
	}
	bus.Attach(0x40, chip)
	if err := d.Read(t.Context(), dst); err != nil {
		t.Error(err)
	}
}

func TestIdentify(t *testing.T) {
	_, _, bus := ina226(t)
	bus.Attach(0x41, i2csim.NewINA219(0.1))
	for addr, want := range map[uint16]string{0x40: "ina226", 0x41: "", 0x42: "", 0x76: ""} {
		if got := Identify(bus, addr); got != want {
			t.Errorf("0x%02x is %q, want %q", addr, got, want)
		}
	}
}

func TestINA226_options(t *testing.T) {
	for _, c := range []struct {
		o    Options
		want string
	}{
		{Options{Address: 0x50}, "ina226: address 0x50, want 0x40 to 0x4f"},
		{Options{ShuntOhm: -1}, "ina226: shunt -1 Ω, want more than 0"},
		{Options{ShuntOhm: math.Inf(1)}, "ina226: shunt +Inf Ω, want more than 0"},
	} {
		if _, err := NewINA226(nil, c.o); err == nil || err.Error() != c.want {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
}

package sht

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/i2c/i2ctest"

	"iot-edge-anomaly/drivers/driverstest"
	"iot-edge-anomaly/drivers/sim/i2csim"
)

// family is one of the two, with its simulated chip.
type family struct {
	name string
	open func(i2c.Bus, Options) (*Dev, error)
	sim  func() *i2csim.SHT
}

var families = []family{{"sht3x", NewSHT3x, i2csim.NewSHT3x}, {"sht4x", NewSHT4x, i2csim.NewSHT4x}}

// on is a sensor and its chip at 0x44 of a simulated bus.
func (f family) on(t *testing.T) (*Dev, *i2csim.SHT, *i2csim.Bus) {
	bus, chip := i2csim.New("sim"), f.sim()
	bus.Attach(0x44, chip)
	d, err := f.open(bus, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return d, chip, bus
}

func TestConformance(t *testing.T) {
	for _, f := range families {
		t.Run(f.name, func(t *testing.T) {
			driverstest.Run(t, func(t *testing.T) driverstest.Fixture {
				d, _, bus := f.on(t)
				return driverstest.On(bus, d)
			}, driverstest.Options{})
		})
	}
}

// The ends and the middle of the formulas: SHT3x §4.13, SHT4x's conversion.
func TestConversion(t *testing.T) {
	for _, c := range []struct {
		m       *model
		raw     uint16
		celsius float64
		percent float64
	}{
		{&sht3x, 0, -45, 0}, {&sht3x, 0xFFFF, 130, 100}, {&sht3x, 0x6666, 25, 40}, {&sht3x, 0x8000, 42.501335, 50.000763},
		{&sht4x, 0, -45, 0}, {&sht4x, 0xFFFF, 130, 100}, {&sht4x, 0x6666, 25, 44}, {&sht4x, 0x8000, 42.501335, 56.500954},
	} {
		if got := celsius(c.raw); math.Abs(got-c.celsius) > 1e-6 {
			t.Errorf("%s %04x: %v °C, want %v", c.m.name, c.raw, got, c.celsius)
		}
		if got := c.m.percent(c.raw); math.Abs(got-c.percent) > 1e-6 {
			t.Errorf("%s %04x: %v %%, want %v", c.m.name, c.raw, got, c.percent)
		}
	}
}

func TestRead_values(t *testing.T) {
	for _, f := range families {
		synctest.Test(t, func(t *testing.T) {
			d, chip, _ := f.on(t)
			dst := make([]float64, 2)
			for _, want := range [][2]float64{{20, 50}, {-40, 0}, {125, 100}, {0, 12.5}, {85, 99}} {
				chip.Set(want[0], want[1])
				if err := d.Read(t.Context(), dst); err != nil {
					t.Fatal(err)
				}
				if math.Abs(dst[0]-want[0]) > 0.0014 || math.Abs(dst[1]-want[1]) > 0.001 {
					t.Errorf("%s: got %v, want %v", f.name, dst, want)
				}
				chip.PowerCycle() // nothing is lost
			}
		})
	}
}

// A chip that measures longer than its longest time does not answer: it is
// waited for, and given up in the end with the controller's own error.
func TestRead_stillMeasuring(t *testing.T) {
	for _, f := range families {
		synctest.Test(t, func(t *testing.T) {
			d, chip, bus := f.on(t)
			dst := make([]float64, 2)
			chip.Stall(10 * time.Millisecond)
			if err := d.Read(t.Context(), dst); err != nil || math.Abs(dst[0]-20) > 0.01 {
				t.Errorf("%s: got %v %v", f.name, dst, err)
			}
			chip.Stall(time.Second)
			before := bus.Count()
			err := d.Read(t.Context(), dst)
			if !errors.Is(err, syscall.EREMOTEIO) || !strings.HasPrefix(err.Error(), f.name+" at 0x44: reading measurement: ") || !math.IsNaN(dst[0]) {
				t.Errorf("%s: got %v %v", f.name, dst, err)
			}
			if n := bus.Count() - before; n != 1+tries {
				t.Errorf("%s: %d transactions, want %d", f.name, n, 1+tries)
			}
			chip.Stall(0)
			if err := d.Read(t.Context(), dst); err != nil { // the stop ends the long one
				t.Errorf("%s: %v", f.name, err)
			}
		})
	}
}

// A wrong checksum costs its value only.
func TestRead_checksum(t *testing.T) {
	for _, f := range families {
		synctest.Test(t, func(t *testing.T) {
			d, chip, _ := f.on(t)
			dst := make([]float64, 2)
			for _, c := range []struct {
				skip, n  int
				bad      []bool
				contains string
			}{
				{0, 1, []bool{true, false}, "temperature"}, {1, 1, []bool{false, true}, "humidity"}, {0, -1, []bool{true, true}, "temperature"},
			} {
				chip.CorruptCRC(c.skip, c.n)
				err := d.Read(t.Context(), dst)
				if err == nil || !strings.Contains(err.Error(), f.name+" at 0x44: "+c.contains) || !strings.Contains(err.Error(), ": checksum 0x") {
					t.Errorf("%s: got %v", f.name, err)
				}
				for i, bad := range c.bad {
					if math.IsNaN(dst[i]) != bad {
						t.Errorf("%s: cell %d is %v", f.name, i, dst[i])
					}
				}
			}
			chip.CorruptCRC(0, 0)
			if err := d.Read(t.Context(), dst); err != nil {
				t.Error(err)
			}
		})
	}
}

// A chip that another program left in a periodic mode is taken over.
func TestRead_periodicMode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, chip, _ := families[0].on(t)
		chip.Periodic()
		dst := make([]float64, 2)
		if err := d.Read(t.Context(), dst); err != nil {
			t.Error(err)
		}
		chip.Periodic() // meanwhile: one reading is lost
		if err := d.Read(t.Context(), dst); !errors.Is(err, syscall.EREMOTEIO) {
			t.Errorf("got %v", err)
		}
		if err := d.Read(t.Context(), dst); err != nil {
			t.Error(err)
		}
	})
}

func TestRead_cancelledWhileMeasuring(t *testing.T) {
	for _, f := range families {
		synctest.Test(t, func(t *testing.T) {
			d, _, _ := f.on(t)
			dst := make([]float64, 2)
			if err := d.Read(t.Context(), dst); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
			defer cancel()
			begin := time.Now()
			if err := d.Read(ctx, dst); !errors.Is(err, context.DeadlineExceeded) || !math.IsNaN(dst[0]) || time.Since(begin) != 5*time.Millisecond {
				t.Errorf("got %v %v after %v", dst, err, time.Since(begin))
			}
			if err := d.Read(t.Context(), dst); err != nil { // at once, while the chip still measures
				t.Errorf("%s: %v", f.name, err)
			}
		})
	}
}

// good is the traffic of the first read: BEEFh, whose checksum the datasheet
// gives, as both values.
func (f family) good() []i2ctest.IO {
	var ops []i2ctest.IO
	m := map[string]*model{"sht3x": &sht3x, "sht4x": &sht4x}[f.name]
	for _, c := range append(slices.Clone(m.stop), m.measure) {
		ops = append(ops, i2ctest.IO{Addr: 0x44, W: c})
	}
	return append(ops, i2ctest.IO{Addr: 0x44, R: []byte{0xBE, 0xEF, 0x92, 0xBE, 0xEF, 0x92}})
}

func TestRead_sequence(t *testing.T) {
	for _, f := range families {
		ops := f.good()
		bus := &i2ctest.Playback{Ops: ops, DontPanic: true}
		d, _ := f.open(bus, Options{})
		dst := make([]float64, 2)
		if err := d.Read(t.Context(), dst); err != nil || math.Abs(dst[0]-85.523) > 0.001 {
			t.Errorf("%s: got %v %v", f.name, dst, err)
		}
		if err := bus.Close(); err != nil {
			t.Error(err)
		}
		steps := []string{"writing stop: ", "writing stop: ", "writing measurement command: ", "reading measurement: "}
		for step, want := range steps[len(steps)-len(ops):] {
			d, _ := f.open(&i2ctest.Playback{Ops: ops[:step], DontPanic: true}, Options{})
			err := d.Read(t.Context(), dst)
			if err == nil || !strings.HasPrefix(err.Error(), f.name+" at 0x44: "+want) || !math.IsNaN(dst[0]) || !math.IsNaN(dst[1]) {
				t.Errorf("%s step %d: got %v %v, want %q", f.name, step, dst, err, want)
			}
		}
	}
}

func TestIdentify(t *testing.T) {
	bus := i2csim.New("sim")
	bus.Attach(0x44, i2csim.NewSHT3x())
	bus.Attach(0x45, i2csim.NewSHT4x())
	bus.Attach(0x46, i2csim.NewINA219(0.1))
	for addr, want := range map[uint16]string{0x44: "sht3x", 0x45: "sht4x", 0x46: "", 0x47: ""} {
		if got := Identify(bus, addr); got != want {
			t.Errorf("0x%02x is %q, want %q", addr, got, want)
		}
	}
}

func TestNew_options(t *testing.T) {
	if _, err := NewSHT3x(nil, Options{Address: 0x46}); err == nil || err.Error() != "sht3x: address 0x46, want 0x44 or 0x45" {
		t.Errorf("got %v", err)
	}
	if _, err := NewSHT4x(nil, Options{Address: 0x46}); err != nil {
		t.Error(err)
	}
}

// replies answers every read with fixed bytes.
type replies struct {
	i2c.Bus
	b []byte
}

func (r replies) Tx(_ uint16, _, dst []byte) error { copy(dst, r.b); return nil }

// FuzzRead: whatever a chip answers, a value is in its range or missing, and
// only a right checksum lets one through.
func FuzzRead(f *testing.F) {
	f.Add([]byte{0xBE, 0xEF, 0x92, 0xBE, 0xEF, 0x92})
	f.Add([]byte{0, 0, 0, 0xFF, 0xFF, 0xFF})
	f.Add([]byte{0, 0, 0x81, 0xFF, 0xFF, 0xAC})
	f.Fuzz(func(t *testing.T, b []byte) {
		synctest.Test(t, func(t *testing.T) {
			if len(b) != 6 {
				return
			}
			for _, fam := range families {
				d, _ := fam.open(replies{b: b}, Options{})
				dst := make([]float64, 2)
				err := d.Read(context.Background(), dst)
				for i, limits := range [][2]float64{{-45, 130}, {0, 100}} {
					ok := checksum(b[3*i:3*i+2]) == b[3*i+2]
					if ok == math.IsNaN(dst[i]) || ok && (dst[i] < limits[0] || dst[i] > limits[1]) || !ok && err == nil {
						t.Errorf("%s % x: %v %v", fam.name, b, dst, err)
					}
				}
			}
		})
	})
}

// checksum is §4.12 of the SHT3x's sheet by a table of the polynomial's shifts,
// apart from the driver's.
func checksum(b []byte) (crc byte) {
	crc = 0xFF
	for _, v := range b {
		next := byte(0)
		for bit, r := 0, byte(0x31); bit < 8; bit++ {
			if (crc^v)>>bit&1 != 0 {
				next ^= r
			}
			r = r<<1 ^ 0x31*(r>>7)
		}
		crc = next
	}
	return crc
}

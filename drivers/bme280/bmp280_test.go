package bme280

import (
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/i2c/i2ctest"

	"iot-edge-anomaly/drivers/driverstest"
	"iot-edge-anomaly/drivers/sim/i2csim"
)

func TestBMP280_conformance(t *testing.T) {
	driverstest.Run(t, func(t *testing.T) driverstest.Fixture {
		bus := i2csim.New("sim")
		bus.Attach(0x77, i2csim.NewBMP280())
		d, err := NewBMP280(bus, Options{Address: 0x77, Oversampling: 1})
		if err != nil {
			t.Fatal(err)
		}
		return driverstest.On(bus, d)
	}, driverstest.Options{})
}

func TestBMP280_values(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus, chip := i2csim.New("sim"), i2csim.NewBMP280()
		bus.Attach(0x76, chip)
		d, _ := NewBMP280(bus, Options{Oversampling: 16})
		dst := make([]float64, 2)
		for _, want := range [][]float64{{20, 101325}, {-40, 30000}, {85, 110000}} {
			chip.Set(want[0], want[1], 0)
			if err := d.Read(t.Context(), dst); err != nil {
				t.Fatal(err)
			}
			near(t, dst, want...)
			chip.PowerCycle() // the settings are repeated
		}
		time.AfterFunc(50*time.Millisecond, chip.PowerCycle)
		err := d.Read(t.Context(), dst)
		if err == nil || !strings.Contains(err.Error(), "bmp280 at 0x76: reset during the measurement") || !math.IsNaN(dst[0]) {
			t.Errorf("got %v %v", dst, err)
		}
	})
}

// Each chip is refused by the driver of the other.
func TestBMP280_wrongChip(t *testing.T) {
	bus := i2csim.New("sim")
	bus.Attach(0x76, i2csim.NewBME280())
	bus.Attach(0x77, i2csim.NewBMP280())
	if a, b, none := Identify(bus, 0x76), Identify(bus, 0x77), Identify(bus, 0x40); a != "bme280" || b != "bmp280" || none != "" {
		t.Errorf("identified %q, %q and %q", a, b, none)
	}
	d, _ := NewBMP280(bus, Options{})
	err := d.Read(t.Context(), make([]float64, 2))
	if err == nil || err.Error() != "bmp280 at 0x76: chip id 0x60, want 0x58: this is a BME280" {
		t.Errorf("got %v", err)
	}
	bus.Detach(0x77)
	if got := Identify(bus, 0x77); got != "" {
		t.Errorf("nobody identified as %q", got)
	}
}

// The opening sequence, byte by byte, and a failure of each step.
func TestBMP280_failAtStep(t *testing.T) {
	bus := i2csim.New("sim")
	bus.Attach(0x76, i2csim.NewBMP280())
	rec := &i2ctest.Record{Bus: bus}
	d, _ := NewBMP280(rec, Options{Oversampling: 1})
	if err := d.Read(t.Context(), make([]float64, 2)); err != nil {
		t.Fatal(err)
	}
	steps := []struct {
		w    []byte
		want string
	}{
		{[]byte{regID}, "reading chip id: "}, {[]byte{regStatus}, "reading status: "},
		{[]byte{regCalib00}, "reading trimming of temperature and pressure: "},
		{[]byte{regCalib00}, "reading trimming of temperature and pressure: "},
		{[]byte{regCtrlMeas, 0, regConfig, 0}, "writing sleep mode: "},
		{[]byte{regCtrlMeas, 0x25}, "writing measurement request: "},
		{[]byte{regStatus}, "reading status: "}, {[]byte{regData}, "reading measurement: "},
	}
	if len(rec.Ops) != len(steps) {
		t.Fatalf("%d transactions, want %d", len(rec.Ops), len(steps))
	}
	for i, s := range steps {
		if !slices.Equal(rec.Ops[i].W, s.w) {
			t.Errorf("transaction %d wrote % x, want % x", i, rec.Ops[i].W, s.w)
		}
		d, _ := NewBMP280(&i2ctest.Playback{Ops: rec.Ops[:i], DontPanic: true}, Options{Oversampling: 1})
		dst := make([]float64, 2)
		err := d.Read(t.Context(), dst)
		if err == nil || !strings.HasPrefix(err.Error(), "bmp280 at 0x76: "+s.want) || !math.IsNaN(dst[0]) || !math.IsNaN(dst[1]) {
			t.Errorf("step %d: got %v %v, want %q", i, dst, err, s.want)
		}
	}
	rec.Ops[7].R = ones(6)
	d, _ = NewBMP280(&i2ctest.Playback{Ops: rec.Ops, DontPanic: true}, Options{Oversampling: 1})
	if err := d.Read(t.Context(), make([]float64, 2)); err == nil || !strings.Contains(err.Error(), "all ones") {
		t.Errorf("data of ones: %v", err)
	}
}

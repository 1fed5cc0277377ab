package bme280

import (
	"context"
	"errors"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/i2c/i2ctest"
	"periph.io/x/host/v3/sysfs"

	"iot-edge-anomaly/drivers/driverstest"
	"iot-edge-anomaly/drivers/sim/i2csim"
)

func fixture(t *testing.T) driverstest.Fixture {
	bus := i2csim.New("sim")
	bus.Attach(0x76, i2csim.NewBME280())
	d, err := New(bus, Options{Oversampling: 1})
	if err != nil {
		t.Fatal(err)
	}
	return driverstest.On(bus, d)
}

func TestConformance(t *testing.T) {
	driverstest.Run(t, fixture, driverstest.Options{})
}

func near(t *testing.T, got []float64, want ...float64) {
	t.Helper()
	for i, tol := range []float64{0.01, 0.3, 0.05}[:len(want)] {
		if !(math.Abs(got[i]-want[i]) <= tol) {
			t.Errorf("value %d is %v, want %v", i, got[i], want[i])
		}
	}
}

// BST-BMP280-DS001 §3.12: raw values, trimming and result; the humidity
// coefficients are those of the simulated chip.
func TestCompensate_example(t *testing.T) {
	k := trimming{t1: 27504, t2: 26435, t3: -1000, p1: 36477, p2: -10685, p3: 3024, p4: 2855, p5: 140, p6: -7,
		p7: 15500, p8: -14600, p9: 6000, h1: 75, h2: 362, h4: 313, h5: 50, h6: 30}
	dst := make([]float64, 3)
	if err := k.compensate(sample{t: 519888, p: 415148, h: 30000}, dst); err != nil {
		t.Fatal(err)
	}
	if math.Abs(dst[0]-25.08) > 0.005 || math.Abs(dst[1]-100653.27) > 0.01 {
		t.Errorf("got %.2f °C %.2f Pa, want 25.08 and 100653.27", dst[0], dst[1])
	}
}

// §4.2.2: the 12-bit coefficients are signed, the byte ones are not, save H6.
func TestParseH(t *testing.T) {
	var k trimming
	k.parseH([]byte{0x6A, 0x01, 0xFF, 0xFE, 0xDC, 0xF8, 0x9C})
	if k.h2 != 362 || k.h3 != 255 || k.h4 != -20 || k.h5 != -115 || k.h6 != -100 {
		t.Errorf("got %+v", k)
	}
}

func TestRead_values(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus, chip := i2csim.New("sim"), i2csim.NewBME280()
		bus.Attach(0x77, chip)
		d, _ := New(bus, Options{Address: 0x77, Oversampling: 16})
		dst := make([]float64, 3)
		for _, want := range [][]float64{{20, 101325, 50}, {-40, 30000, 5}, {85, 110000, 95}, {36.6, 97000, 99.9}} {
			chip.Set(want[0], want[1], want[2])
			if err := d.Read(t.Context(), dst); err != nil {
				t.Fatal(err)
			}
			near(t, dst, want...)
		}
	})
}

// A measurement that equals the mark of a skipped one is a measurement as long
// as the chip has its settings.
func TestRead_markIsMeasurement(t *testing.T) {
	ops := recorded(t)
	ops[9].R = []byte{0x65, 0x5A, 0xC0, 0x80, 0, 0, 0x80, 0}
	ops = append(ops, i2ctest.IO{Addr: 0x76, W: []byte{regCtrlHum}, R: []byte{1, 0, 1<<5 | 1<<2}})
	bus := &i2ctest.Playback{Ops: ops, DontPanic: true}
	d, _ := New(bus, Options{Oversampling: 1})
	dst := make([]float64, 3)
	if err := d.Read(t.Context(), dst); err != nil || math.IsNaN(dst[0]) {
		t.Errorf("%v %v", dst, err)
	}
	if err := bus.Close(); err != nil {
		t.Error(err)
	}
}

// A loss of power in the middle of a measurement must not give the values of
// a chip that measured nothing.
func TestRead_resetDuringMeasurement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus, chip := i2csim.New("sim"), i2csim.NewBME280()
		bus.Attach(0x76, chip)
		d, _ := New(bus, Options{})
		dst := make([]float64, 3)
		if err := d.Read(t.Context(), dst); err != nil {
			t.Fatal(err)
		}
		chip.PowerCycle() // between reads: healed by the repeated settings
		if err := d.Read(t.Context(), dst); err != nil {
			t.Fatal(err)
		}
		near(t, dst, 20, 101325, 50)
		time.AfterFunc(10*time.Millisecond, chip.PowerCycle)
		err := d.Read(t.Context(), dst)
		if err == nil || !strings.Contains(err.Error(), "bme280 at 0x76: reset during the measurement") {
			t.Errorf("got %v", err)
		}
		if !math.IsNaN(dst[0]) || !math.IsNaN(dst[2]) {
			t.Errorf("got %v", dst)
		}
		if err := d.Read(t.Context(), dst); err != nil {
			t.Error(err)
		}
	})
}

func TestRead_absentThenThere(t *testing.T) {
	bus, chip := i2csim.New("sim"), i2csim.NewBME280()
	d, _ := New(bus, Options{Oversampling: 1})
	dst := make([]float64, 3)
	err := d.Read(t.Context(), dst)
	if !errors.Is(err, syscall.ENXIO) || !strings.HasPrefix(err.Error(), "bme280 at 0x76: reading chip id: ") {
		t.Errorf("got %v", err)
	}
	chip.SetID(0x58)
	bus.Attach(0x76, chip)
	if err := d.Read(t.Context(), dst); err == nil || err.Error() != "bme280 at 0x76: chip id 0x58, want 0x60: this is a BMP280" {
		t.Errorf("got %v", err)
	}
	chip.SetID(0x60)
	if err := d.Read(t.Context(), dst); err != nil {
		t.Error(err)
	}
	near(t, dst, 20, 101325, 50)
}

func TestRead_cancelledWhileMeasuring(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := i2csim.New("sim")
		bus.Attach(0x76, i2csim.NewBME280())
		d, _ := New(bus, Options{Oversampling: 16})
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		begin, dst := time.Now(), make([]float64, 3)
		if err := d.Read(ctx, dst); !errors.Is(err, context.DeadlineExceeded) || !math.IsNaN(dst[1]) {
			t.Errorf("got %v %v", dst, err)
		}
		if took := time.Since(begin); took != 50*time.Millisecond {
			t.Errorf("took %v", took)
		}
		if err := d.Read(t.Context(), dst); err != nil {
			t.Error(err)
		}
	})
}

func TestNew_options(t *testing.T) {
	for _, c := range []struct {
		o    Options
		want string
	}{
		{Options{Address: 0x40}, "bme280: address 0x40, want 0x76 or 0x77"},
		{Options{Oversampling: 3}, "bme280: oversampling 3, want 1, 2, 4, 8 or 16"},
	} {
		if _, err := New(nil, c.o); err == nil || err.Error() != c.want {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
}

// recorded is the traffic of one read of a chip that was not open: ten
// transactions.
func recorded(t *testing.T) []i2ctest.IO {
	bus := i2csim.New("sim")
	bus.Attach(0x76, i2csim.NewBME280())
	rec := &i2ctest.Record{Bus: bus}
	d, _ := New(rec, Options{Oversampling: 1})
	if err := d.Read(t.Context(), make([]float64, 3)); err != nil {
		t.Fatal(err)
	}
	if len(rec.Ops) != 10 {
		t.Fatalf("%d transactions, want 10", len(rec.Ops))
	}
	return rec.Ops
}

// The opening sequence, byte by byte.
func TestRead_sequence(t *testing.T) {
	want := [][]byte{{regID}, {regStatus}, {regCalib00}, {regCalib26}, {regCalib00}, {regCalib26}, {regCtrlMeas, 0, regConfig, 0},
		{regCtrlHum, 1, regCtrlMeas, 0x25}, {regStatus}, {regData}}
	for i, op := range recorded(t) {
		if !slices.Equal(op.W, want[i]) {
			t.Errorf("transaction %d wrote % x, want % x", i, op.W, want[i])
		}
	}
}

func zeros(n int) []byte { return make([]byte, n) }

func ones(n int) []byte { return slices.Repeat([]byte{0xFF}, n) }

// What a chip may answer at each step, and what becomes of it.
func TestRead_failAtStep(t *testing.T) {
	for _, c := range []struct {
		name string
		step int
		r    []byte // nil: the recording ends here
		want string
	}{
		{"no chip id", 0, nil, "reading chip id: "},
		{"wrong chip", 0, []byte{0x61}, "chip id 0x61, want 0x60"},
		{"dead line", 0, []byte{0xFF}, "chip id 0xff, want 0x60"},
		{"no status", 1, nil, "reading status: "},
		{"no trimming", 2, nil, "reading trimming of temperature and pressure: "},
		{"no humidity trimming", 3, nil, "reading trimming of humidity: "},
		{"no trimming again", 4, nil, "reading trimming of temperature and pressure: "},
		{"no humidity trimming again", 5, nil, "reading trimming of humidity: "},
		{"zero trimming", 2, zeros(26), "trimming is all zeros or all ones"},
		{"trimming of ones", 2, ones(26), "trimming is all zeros or all ones"},
		{"no sleep mode", 6, nil, "writing sleep mode: "},
		{"no request", 7, nil, "writing measurement request: "},
		{"no status of measurement", 8, nil, "reading status: "},
		{"no data", 9, nil, "reading measurement: "},
		{"data of ones", 9, ones(8), "measurement is all ones"},
		{"skipped and gone", 9, []byte{0x80, 0, 0, 0x80, 0, 0, 0x80, 0}, "reading settings: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			ops := recorded(t)
			if c.r == nil {
				ops = ops[:c.step]
			} else {
				ops[c.step].R = c.r
			}
			if len(c.r) == 26 {
				ops[c.step+2].R = c.r // both times
			}
			d, _ := New(&i2ctest.Playback{Ops: ops, DontPanic: true}, Options{Oversampling: 1})
			dst := make([]float64, 3)
			err := d.Read(t.Context(), dst)
			if err == nil || !strings.HasPrefix(err.Error(), "bme280 at 0x76: "+c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			for i, v := range dst {
				if !math.IsNaN(v) {
					t.Errorf("cell %d is %v", i, v)
				}
			}
		})
	}
}

// A bit of the trimming that a disturbed wire has turned, whichever it is, is
// noticed, and the chip opened anew.
func TestRead_disturbedTrimming(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		good := recorded(t)
		for _, step := range []int{2, 3} {
			for bit := range 8 * len(good[step].R) {
				if step == 2 && bit/8 == 24 {
					continue // 0xA0 is reserved
				}
				ops := append(slices.Clone(good[:6]), good...)
				ops[step].R = slices.Clone(good[step].R)
				ops[step].R[bit/8] ^= 1 << (bit % 8)
				d, _ := New(&i2ctest.Playback{Ops: ops, DontPanic: true}, Options{Oversampling: 1})
				dst := make([]float64, 3)
				err := d.Read(t.Context(), dst)
				if err == nil || !strings.HasPrefix(err.Error(), "bme280 at 0x76: two readings of the trimming differ") || !math.IsNaN(dst[0]) {
					t.Fatalf("step %d bit %d: got %v %v", step, bit, dst, err)
				}
				if err := d.Read(t.Context(), dst); err != nil {
					t.Fatal(err)
				}
				near(t, dst, 20, 101325, 50)
			}
		}
	})
}

// A chip that never finishes is given up.
func TestRead_neverReady(t *testing.T) {
	for _, c := range []struct {
		step int
		bit  byte
		want string
	}{{1, statusImUpdate, "still copying its trimming (status 0x01)"}, {8, statusMeasuring, "still measuring (status 0x08)"}} {
		ops := recorded(t)
		busy := ops[c.step]
		busy.R = []byte{c.bit}
		ops = append(ops[:c.step:c.step], slices.Repeat([]i2ctest.IO{busy}, 5)...)
		d, _ := New(&i2ctest.Playback{Ops: ops, DontPanic: true}, Options{Oversampling: 1})
		err := d.Read(t.Context(), make([]float64, 3))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %q", err, c.want)
		}
	}
}

// TestLive reads a real chip: EDGE_LIVE=bme280@1:0x76 go test ./drivers/bme280
func TestLive(t *testing.T) {
	where, ok := strings.CutPrefix(os.Getenv("EDGE_LIVE"), "bme280@")
	if !ok {
		t.Skip("EDGE_LIVE=bme280@BUS:ADDRESS is not set")
	}
	number, address, _ := strings.Cut(where, ":")
	n, _ := strconv.Atoi(number)
	addr, err := strconv.ParseUint(address, 0, 7)
	if err != nil {
		t.Fatal(err)
	}
	bus, err := sysfs.NewI2C(n)
	if err != nil {
		t.Fatal(err)
	}
	defer bus.Close()
	d, err := New(bus, Options{Address: uint16(addr)})
	if err != nil {
		t.Fatal(err)
	}
	dst := make([]float64, 3)
	if err := d.Read(t.Context(), dst); err != nil {
		t.Fatal(err)
	}
	t.Logf("%.2f °C %.1f Pa %.2f %%", dst[0], dst[1], dst[2])
}

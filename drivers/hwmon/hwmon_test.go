package hwmon

import (
	"context"
	"errors"
	"math"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"iot-edge-anomaly/drivers/driverstest"
	"iot-edge-anomaly/drivers/sim/sysfssim"
)

func pi4(t *testing.T) *sysfssim.Tree {
	t.Helper()
	tree, err := sysfssim.Lay(t.TempDir(), sysfssim.Pi4)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func dev(t *testing.T, tree *sysfssim.Tree, device string, channels ...string) *Dev {
	t.Helper()
	d, err := open(tree.FS(), device, channels, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

func TestConformance(t *testing.T) {
	driverstest.Run(t, func(t *testing.T) driverstest.Fixture {
		tree := pi4(t)
		return driverstest.Fixture{
			Sensor:    dev(t, tree, "emc2305", "fan1", "in0", "humidity1"),
			Fail:      func(err error) { tree.Fail(0, -1, err) },
			FailAfter: func(skip int, err error) { tree.Fail(skip, 1, err) },
			Traffic:   tree.Count,
		}
	}, driverstest.Options{})
}

func TestRead_units(t *testing.T) {
	tree := pi4(t)
	for _, c := range []struct {
		device, channel string
		want            float64
		unit            string
	}{
		{"cpu_thermal", "temp1", 53.556, "°C"}, {"1-0048", "temp1", 21.5, "°C"}, {"1-0049", "temp1", -10.25, "°C"},
		{"28-0316a2795f3d", "temp1", 19.937, "°C"}, {"emc2305", "fan1", 4210, "1/min"}, {"emc2305", "in0", 11.984, "V"},
		{"emc2305", "curr1", 0.412, "A"}, {"emc2305", "power1", 4.937408, "W"}, {"emc2305", "energy1", 81.25, "J"},
		{"emc2305", "humidity1", 41.25, "%"},
	} {
		d := dev(t, tree, c.device, c.channel)
		dst := []float64{0}
		if err := d.Read(t.Context(), dst); err != nil || math.Abs(dst[0]-c.want) > 1e-9 {
			t.Errorf("%s %s: got %v %v, want %v", c.device, c.channel, dst[0], err, c.want)
		}
		if got := d.Channels()[0].Quantity.Unit; got != c.unit {
			t.Errorf("%s: unit %s, want %s", c.channel, got, c.unit)
		}
	}
}

// One bad channel does not cost the others.
func TestRead_faults(t *testing.T) {
	tree := pi4(t)
	d := dev(t, tree, "emc2305", "temp2", "fan1", "temp7")
	dst := make([]float64, 3)
	err := d.Read(t.Context(), dst)
	if !math.IsNaN(dst[0]) || dst[1] != 4210 || !math.IsNaN(dst[2]) {
		t.Errorf("got %v", dst)
	}
	want := "hwmon emc2305: temp2: the chip reports a fault of the sensor (open, shorted or not connected) (and 1 more)"
	if err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
	err = dev(t, tree, "emc2305", "temp7").Read(t.Context(), dst[:1])
	want = "hwmon emc2305: temp7: emc2305 (1-002f) has no such channel, it has curr1, energy1, fan1 (cabinet), humidity1, in0, power1, temp2: open "
	if err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got %v\nwant %s", err, want)
	}
	err = dev(t, tree, "rpi_volt", "in0").Read(t.Context(), dst[:1])
	if err == nil || !strings.Contains(err.Error(), "has no such channel, it has none") {
		t.Errorf("got %v", err)
	}
}

// A chip that has just got its power says 0 °C: that is not delivered, while a
// true 0 °C is, and is waited for once.
func TestRead_powerOn(t *testing.T) {
	const temp = "/sys/devices/platform/soc/fe804000.i2c/i2c-1/1-0048/hwmon/hwmon2/temp1_input"
	tree := pi4(t)
	d := dev(t, tree, "1-0048", "temp1")
	set := func(text string) {
		if err := tree.Set(temp, text); err != nil {
			t.Fatal(err)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		dst := []float64{0}
		for _, c := range []struct {
			text  string
			later string // what it says from 200 ms on; "" = the same
			want  float64
			takes time.Duration
		}{
			{"21500", "", 21.5, 0}, {"0", "21000", 21, firstConversion}, {"0", "", 0, firstConversion}, {"0", "", 0, 0},
			{"1500", "", 1.5, 0}, {"0", "", 0, 0}, {"-2500", "", -2.5, 0}, {"0", "-2000", -2, firstConversion}, {"0", "", 0, 0},
		} {
			set(c.text)
			if c.later != "" {
				time.AfterFunc(200*time.Millisecond, func() { set(c.later) })
			}
			begin := time.Now()
			if err := d.Read(t.Context(), dst); err != nil || dst[0] != c.want || time.Since(begin) != c.takes {
				t.Errorf("%+v: got %v %v after %v", c, dst, err, time.Since(begin))
			}
		}
		set("50000")
		if err := d.Read(t.Context(), dst); err != nil || dst[0] != 50 {
			t.Errorf("got %v %v", dst, err)
		}
		set("0")
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if err := d.Read(ctx, dst); !errors.Is(err, context.DeadlineExceeded) || !math.IsNaN(dst[0]) {
			t.Errorf("got %v %v", dst, err)
		}
	})
}

func TestRead_wire(t *testing.T) {
	const temp = "/sys/devices/w1_bus_master1/28-0316a2795f3d/hwmon/hwmon4/temp1_input"
	tree := pi4(t)
	d := dev(t, tree, "w1_slave_temp", "temp1")
	dst := []float64{0}
	for _, c := range []struct {
		text string
		want float64
	}{{"85000", math.NaN()}, {"84937", 84.937}, {"85062", 85.062}, {"-55000", -55}, {"", math.NaN()},
		{"125000", 125}, {"127937", math.NaN()}, {"-55062", math.NaN()}, {"62", 0.062}, {"-62", -0.062}} {
		if err := tree.Set(temp, c.text); err != nil {
			t.Fatal(err)
		}
		err := d.Read(t.Context(), dst)
		if math.IsNaN(c.want) != (err != nil) || math.IsNaN(c.want) != math.IsNaN(dst[0]) || err == nil && math.Abs(dst[0]-c.want) > 1e-9 {
			t.Errorf("%q: got %v %v, want %v", c.text, dst[0], err, c.want)
		}
	}
	// a thermocouple is read beyond what a DS18B20 measures
	if err := tree.Rename("/sys/devices/w1_bus_master1/28-0316a2795f3d", "/sys/devices/w1_bus_master1/3b-000000183b5e"); err != nil {
		t.Fatal(err)
	}
	if err := tree.Remove("/sys/class/hwmon/hwmon4"); err != nil {
		t.Fatal(err)
	}
	const thermo = "/sys/devices/w1_bus_master1/3b-000000183b5e/hwmon/hwmon4"
	if err := os.Symlink("../../devices/w1_bus_master1/3b-000000183b5e/hwmon/hwmon4", tree.FS().Path("/sys/class/hwmon/hwmon4")); err != nil {
		t.Fatal(err)
	}
	if err := tree.Set(thermo+"/temp1_input", "612250"); err != nil {
		t.Fatal(err)
	}
	if err := dev(t, tree, "3b-000000183b5e", "temp1").Read(t.Context(), dst); err != nil || dst[0] != 612.25 {
		t.Errorf("got %v %v, want 612.25", dst[0], err)
	}
	// another chip may well be that warm
	if err := tree.Set("/sys/class/thermal/thermal_zone0/hwmon0/temp1_input", "85000"); err != nil {
		t.Fatal(err)
	}
	if err := dev(t, tree, "cpu_thermal", "temp1").Read(t.Context(), dst); err != nil || dst[0] != 85 {
		t.Errorf("got %v %v, want 85", dst[0], err)
	}
}

// A data line shorted to ground reads as zeros, whose checksum is right: the
// kernel says 0 °C. A thermometer at 0 °C has other bytes that are not zero.
func TestRead_wireShorted(t *testing.T) {
	const device = "/sys/devices/w1_bus_master1/28-0316a2795f3d/"
	tree := pi4(t)
	d := dev(t, tree, "28-0316a2795f3d", "temp1")
	if err := tree.Set(device+"hwmon/hwmon4/temp1_input", "0"); err != nil {
		t.Fatal(err)
	}
	dst := []float64{0}
	for _, c := range []struct{ text, want string }{
		{"00 00 4b 46 7f ff 0c 10 c8 : crc=c8 YES\n00 00 4b 46 7f ff 0c 10 c8 t=0", ""},
		{"00 00 00 00 00 00 00 00 00 : crc=00 YES\n00 00 00 00 00 00 00 00 00 t=0", "all bytes are zero, which is not 0 °C: the data line is shorted to ground"},
		{"00 00 4b 46 7f ff 0c 10 c9 : crc=c8 NO\n00 00 4b 46 7f ff 0c 10 c8 t=0", "0 °C may mean a shorted data line"},
		{"", "0 °C may mean a shorted data line, and w1_slave does not exclude it: \"\""}, // how the kernel says that it failed
	} {
		if err := tree.Set(device+"w1_slave", c.text); err != nil {
			t.Fatal(err)
		}
		switch err := d.Read(t.Context(), dst); {
		case c.want == "" && (err != nil || dst[0] != 0):
			t.Errorf("%q: got %v %v, want 0", c.text, dst, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || !math.IsNaN(dst[0])):
			t.Errorf("%q: got %v %v, want %s", c.text, dst, err, c.want)
		}
	}
	if err := tree.Remove(device + "w1_slave"); err != nil {
		t.Fatal(err)
	}
	if err := d.Read(t.Context(), dst); err == nil || !math.IsNaN(dst[0]) {
		t.Errorf("without w1_slave: got %v %v", dst, err)
	}
}

// A chip that is absent at the start, leaves, and comes back under another
// number while a second one takes its own.
func TestRead_comesAndGoes(t *testing.T) {
	tree := pi4(t)
	move := func(from, to string) {
		t.Helper()
		if err := tree.Rename("/sys/class/hwmon/"+from, "/sys/class/hwmon/"+to); err != nil {
			t.Fatal(err)
		}
	}
	move("hwmon2", "away")
	d := dev(t, tree, "1-0048", "temp1")
	dst := []float64{0}
	if err := d.Read(t.Context(), dst); err == nil || !math.IsNaN(dst[0]) {
		t.Errorf("absent: got %v %v", dst, err)
	}
	move("away", "hwmon2")
	if err := d.Read(t.Context(), dst); err != nil || dst[0] != 21.5 {
		t.Errorf("there: got %v %v", dst, err)
	}
	move("hwmon2", "hwmon6")
	move("hwmon3", "hwmon2")
	tree.Fail(0, 1, unix.ENODEV) // what the kernel answers on the open attribute
	err := d.Read(t.Context(), dst)
	if err == nil || !math.IsNaN(dst[0]) || err.Error() != "hwmon 1-0048: temp1: temp1_input: the device is gone: no such device" {
		t.Errorf("gone: got %v %v", dst, err)
	}
	if err := d.Read(t.Context(), dst); err != nil || dst[0] != 21.5 {
		t.Errorf("back: got %v %v, want its own 21.5", dst, err)
	}
	// bound anew: the attribute that is open is that of a device which is no more
	const temp = "/sys/devices/platform/soc/fe804000.i2c/i2c-1/1-0048/hwmon/hwmon2/temp1_input"
	if err := tree.Remove(temp); err != nil {
		t.Fatal(err)
	}
	if err := tree.Set(temp, "33000"); err != nil {
		t.Fatal(err)
	}
	tree.Fail(0, 1, unix.ENODEV)
	if err := d.Read(t.Context(), dst); err == nil || !math.IsNaN(dst[0]) {
		t.Errorf("unbound: got %v %v", dst, err)
	}
	if err := d.Read(t.Context(), dst); err != nil || dst[0] != 33 {
		t.Errorf("bound anew: got %v %v, want 33", dst, err)
	}
}

func TestNew_refused(t *testing.T) {
	for _, c := range []struct {
		device   string
		channels []string
		want     string
	}{
		{"", []string{"temp1"}, "hwmon: want a device and at least one channel"},
		{"x", nil, "hwmon: want a device and at least one channel"},
		{"x", []string{"temp1", "temp1"}, "hwmon: channel temp1 is named twice"},
		{"x", []string{"temp"}, `hwmon: channel "temp", want in0, temp1`}, {"x", []string{"temp01"}, `hwmon: channel "temp01"`},
		{"x", []string{"1"}, `hwmon: channel "1"`}, {"x", []string{"pwm1"}, `hwmon: channel "pwm1"`},
		{"x", []string{"temp1_max"}, `hwmon: channel "temp1_max"`}, {"x", []string{""}, `hwmon: channel ""`},
	} {
		if _, err := New("", c.device, c.channels); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%v: got %v, want %s", c.channels, err, c.want)
		}
	}
}

// FuzzChannel holds that a name that is taken is one file of the chip's folder.
func FuzzChannel(f *testing.F) {
	for _, s := range []string{"temp1", "in0", "in00", "../in0", "fan1_input", "humidity12", "température1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		c, err := Channel(name)
		if err == nil && (c.Name != name || strings.ContainsAny(name, "/._ \x00") || len(name) > 12 || c.Quantity.Unit == "") {
			t.Fatalf("%q is taken as %v", name, c)
		}
	})
}

package sysfs_test

import (
	"context"
	"errors"
	"math"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"iot-edge-anomaly/drivers/internal/sysfs"
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

func TestFind(t *testing.T) {
	fs := pi4(t).FS()
	for _, c := range []struct {
		class sysfs.Class
		want  string
		id    string
	}{
		{sysfs.HWMon, "cpu_thermal", "hwmon0"}, {sysfs.HWMon, "thermal_zone0", "hwmon0"},
		{sysfs.HWMon, "1-0049", "hwmon3"}, {sysfs.HWMon, "hwmon2", "hwmon2"},
		{sysfs.HWMon, "/sys/bus/i2c/devices/1-0049", "hwmon3"},
		{sysfs.HWMon, "/sys/devices/w1_bus_master1", "hwmon4"},
		{sysfs.HWMon, "28-0316a2795f3d", "hwmon4"}, {sysfs.HWMon, "raspberrypi-hwmon", "hwmon1"},
		{sysfs.IIO, "bmp280", "iio:device0"}, {sysfs.IIO, "cabinet-air", "iio:device1"}, {sysfs.IIO, "1-0040", "iio:device1"},
		{sysfs.IIO, "spi0.0", "iio:device10"}, {sysfs.IIO, "iio:device2", "iio:device2"},
		{sysfs.Thermal, "cpu-thermal", "thermal_zone0"}, {sysfs.Thermal, "thermal_zone0", "thermal_zone0"},
	} {
		if d, err := fs.Find(c.class, c.want); err != nil || d.ID != c.id {
			t.Errorf("%s: got %s %v, want %s", c.want, d.ID, err, c.id)
		}
	}
}

func TestFind_refused(t *testing.T) {
	fs := pi4(t).FS()
	for _, c := range []struct {
		fs         sysfs.FS
		class      sysfs.Class
		want, text string
	}{
		{fs, sysfs.HWMon, "lm75", "2 hwmon chips have that name: lm75 (1-0048), lm75 (1-0049); use the name in brackets"},
		{fs, sysfs.IIO, "bmp208", "no such industrial I/O device; there is bmp280 (1-0076), cabinet-air: 1-0040 (1-0040), ads1015 (1-004a), adxl355 (spi0.0)"},
		{fs, sysfs.Thermal, "cooling_device0", "no such thermal zone; there is cpu-thermal (thermal_zone0)"},
		{fs, sysfs.HWMon, "/sys/devices/platform/nowhere", "no such hwmon chip; there is cpu_thermal"},
		{fs, sysfs.HWMon, "/sys/devices/platform/soc/fe804000.i2c/i2c-1/1-004", "no such hwmon chip"},
		{sysfs.FS{Root: t.TempDir()}, sysfs.IIO, "bmp280", "this machine has no industrial I/O device: is its kernel driver loaded (dtoverlay, modprobe)?"},
	} {
		if d, err := c.fs.Find(c.class, c.want); err == nil || !strings.HasPrefix(err.Error(), c.text) {
			t.Errorf("%s: got %v %v, want %s", c.want, d, err, c.text)
		}
	}
}

func TestAttr_retries(t *testing.T) {
	tree := pi4(t)
	path := tree.FS().Path("/sys/class/thermal/thermal_zone0/temp")
	for _, c := range []struct {
		err   error
		fails int
		reads int64
		ok    bool
	}{
		{unix.EAGAIN, 0, 1, true}, {unix.EAGAIN, 1, 2, true}, {unix.EIO, 2, 3, true}, {unix.EREMOTEIO, 2, 3, true},
		{unix.EAGAIN, 3, 3, false}, {unix.EIO, -1, 3, false},
		{unix.ENODATA, 1, 1, false}, {unix.ENODEV, 1, 1, false}, {unix.EINVAL, 1, 1, false},
	} {
		a, err := tree.FS().Attr(path)
		if err != nil {
			t.Fatal(err)
		}
		tree.Fail(0, c.fails, c.err)
		before := tree.Count()
		v, err := a.Number(t.Context())
		if c.ok != (err == nil) || c.ok && v != 53069 || !c.ok && !errors.Is(err, c.err) || tree.Count()-before != c.reads {
			t.Errorf("%v %d times: %v %v after %d reads, want %d", c.err, c.fails, v, err, tree.Count()-before, c.reads)
		}
		a.Close()
	}
}

func TestAttr_finishedContext(t *testing.T) {
	tree := pi4(t)
	a, err := tree.FS().Attr(tree.FS().Path("/sys/class/thermal/thermal_zone0/temp"))
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	tree.Fail(0, -1, unix.EAGAIN)
	before := tree.Count()
	if _, err := a.Number(ctx); !errors.Is(err, unix.EAGAIN) || tree.Count() != before+1 {
		t.Errorf("got %v after %d reads, want one", err, tree.Count()-before)
	}
}

// The kernel's own file: a value that changes shows at the next read.
func TestOpen_rereads(t *testing.T) {
	tree := pi4(t)
	const temp = "/sys/class/thermal/thermal_zone0/temp"
	a, err := sysfs.FS{Root: tree.Root}.Attr(sysfs.FS{Root: tree.Root}.Path(temp))
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	for _, want := range []float64{53069, -500, 41} {
		if err := tree.Set(temp, strconv.FormatFloat(want, 'f', -1, 64)); err != nil {
			t.Fatal(err)
		}
		if v, err := a.Number(t.Context()); err != nil || v != want {
			t.Errorf("got %v %v, want %v", v, err, want)
		}
	}
}

func TestParseNumber(t *testing.T) {
	for _, c := range []struct {
		text string
		want float64
		ok   bool
	}{
		{"53069\n", 53069, true}, {"-250\n", -250, true}, {"0\n", 0, true}, {"+1", 1, true}, {"0.038245000\n", 0.038245, true},
		{" 12 \n", 12, true}, {"-0.5", -0.5, true}, {"007", 7, true}, {"85000\n\n", 85000, true},
		{"", 0, false}, {"\n", 0, false}, {"-", 0, false}, {".5", 0, false}, {"1.", 0, false}, {"1e3", 0, false}, {"0x10", 0, false},
		{"NaN", 0, false}, {"inf", 0, false}, {"1_000", 0, false}, {"1 2", 0, false}, {"12 dB\n", 0, false}, {"1,5", 0, false},
		{strings.Repeat("9", 49), 0, false}, {"--1", 0, false}, {"1\x00", 0, false},
	} {
		if v, ok := sysfs.ParseNumber([]byte(c.text)); ok != c.ok || ok && v != c.want {
			t.Errorf("%q: got %v %v, want %v %v", c.text, v, ok, c.want, c.ok)
		}
	}
}

// Whatever a driver writes, there is a finite number that ParseFloat reads from
// the same text, or none.
func FuzzParseNumber(f *testing.F) {
	for _, s := range []string{"53069\n", "-0.000250000\n", "", "1e9", "0x1p-2", "nan", " 7\n\n", "1.2.3", "99999999999999999999"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		v, ok := sysfs.ParseNumber(b)
		if !ok {
			return
		}
		want, err := strconv.ParseFloat(strings.TrimSpace(string(b)), 64)
		if err != nil || v != want || math.IsInf(v, 0) || math.IsNaN(v) {
			t.Fatalf("%q: got %v, want %v %v", b, v, want, err)
		}
		if strings.ContainsAny(string(b), "eExXpPnNiI_") {
			t.Fatalf("%q is no number of the kernel's", b)
		}
	})
}

func FuzzText(f *testing.F) {
	f.Add([]byte("cpu_thermal\n"))
	f.Add([]byte("a\x00b\xff\r\n\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if s := sysfs.Text(b); strings.ContainsAny(s, "\n\x00") || strings.TrimSpace(s) != s {
			t.Fatalf("%q gives %q", b, s)
		}
	})
}

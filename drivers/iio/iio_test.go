package iio

import (
	"math"
	"slices"
	"strings"
	"testing"

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
	for device, channels := range map[string][]string{
		"bmp280":      {"temp", "pressure"},              // computed by the driver
		"cabinet-air": {"temp", "humidityrelative"},      // offset and scale, scale alone
		"ads1015":     {"voltage0", "voltage0-voltage1"}, // own and shared scale
	} {
		t.Run(device, func(t *testing.T) {
			driverstest.Run(t, func(t *testing.T) driverstest.Fixture {
				tree := pi4(t)
				return driverstest.Fixture{
					Sensor:    dev(t, tree, device, channels...),
					Fail:      func(err error) { tree.Fail(0, -1, err) },
					FailAfter: func(skip int, err error) { tree.Fail(skip, 1, err) },
					Traffic:   tree.Count,
				}
			}, driverstest.Options{})
		})
	}
}

func TestRead_units(t *testing.T) {
	tree := pi4(t)
	for _, c := range []struct {
		device, channel string
		want            float64
		unit            string
	}{
		{"bmp280", "temp", 21.34, "°C"}, {"bmp280", "pressure", 101325, "Pa"},
		{"1-0040", "temp", (25836 - 15887.515151) * 2.517700195 / 1000, "°C"},
		{"1-0040", "humidityrelative", 27000 * 1.525878906 / 1000, "%"},
		{"ads1015", "voltage0", 3.3, "V"}, {"ads1015", "voltage0-voltage1", -0.2, "V"},
		{"adxl355", "accel_z", 256020 * 0.000038245, "m/s²"}, {"adxl355", "accel_x", 1024 * 0.000038245, "m/s²"},
		{"adxl355", "temp", 34.392, "°C"},
	} {
		d := dev(t, tree, c.device, c.channel)
		dst := []float64{0}
		if err := d.Read(t.Context(), dst); err != nil || math.Abs(dst[0]-c.want) > 1e-3 {
			t.Errorf("%s %s: got %v %v, want %v", c.device, c.channel, dst[0], err, c.want)
		}
		if got := d.Channels()[0].Quantity.Unit; got != c.unit {
			t.Errorf("%s: unit %s, want %s", c.channel, got, c.unit)
		}
	}
}

// Somebody changes the gain: the value follows.
func TestRead_newScale(t *testing.T) {
	tree := pi4(t)
	d := dev(t, tree, "ads1015", "voltage0")
	dst := []float64{0}
	for _, c := range []struct {
		scale string
		want  float64
	}{{"0.187500000", 3.3}, {"0.062500000", 1.1}} {
		if err := tree.Set("/sys/bus/iio/devices/iio:device2/in_voltage0_scale", c.scale); err != nil {
			t.Fatal(err)
		}
		if err := d.Read(t.Context(), dst); err != nil || math.Abs(dst[0]-c.want) > 1e-9 {
			t.Errorf("scale %s: got %v %v, want %v", c.scale, dst, err, c.want)
		}
	}
}

func TestRead_busy(t *testing.T) {
	tree := pi4(t)
	d := dev(t, tree, "adxl355", "accel_z")
	dst := []float64{0}
	tree.Fail(0, -1, unix.EBUSY)
	err := d.Read(t.Context(), dst)
	want := "iio adxl355: accel_z: in_accel_z_raw: the device is in use, for example because its buffer is enabled: device or resource busy"
	if !math.IsNaN(dst[0]) || err == nil || err.Error() != want {
		t.Errorf("got %v %v\nwant %s", dst, err, want)
	}
	tree.Fail(0, 2, unix.EBUSY)
	if err := d.Read(t.Context(), dst); err != nil || math.IsNaN(dst[0]) {
		t.Errorf("after two: got %v %v", dst, err)
	}
}

func TestRead_noSuchChannel(t *testing.T) {
	dst := []float64{0}
	err := dev(t, pi4(t), "bmp280", "humidityrelative").Read(t.Context(), dst)
	want := "iio bmp280: humidityrelative: bmp280 (1-0076) has no such channel, it has pressure, temp: open "
	if !math.IsNaN(dst[0]) || err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got %v %v\nwant %s", dst, err, want)
	}
}

func TestShared(t *testing.T) {
	for name, want := range map[string][]string{
		"temp":              {"temp"},
		"voltage3":          {"voltage3", "voltage"},
		"accel_x":           {"accel_x", "accel"},
		"voltage0-voltage1": {"voltage0-voltage1", "voltage-voltage"},
		"intensity2_ir":     {"intensity2_ir", "intensity2", "intensity_ir", "intensity"},
	} {
		if got := shared(name); !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
}

func TestNew_refused(t *testing.T) {
	for _, c := range []struct {
		device   string
		channels []string
		want     string
	}{
		{"", []string{"temp"}, "iio: want a device and at least one channel"},
		{"x", nil, "iio: want a device and at least one channel"},
		{"x", []string{"temp", "temp"}, "iio: channel temp is named twice"},
		{"x", []string{"in_temp_raw"}, `iio: channel "in_temp_raw" has an unknown type`},
		{"x", []string{"humidity"}, `iio: channel "humidity" has an unknown type, the kernel calls it humidityrelative`},
		{"x", []string{"temp/../x"}, `iio: channel "temp/../x", want a name like`},
		{"x", []string{"voltage0-temp1"}, `iio: channel "voltage0-temp1" has an unknown type`},
	} {
		if _, err := New("", c.device, c.channels); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%v: got %v, want %s", c.channels, err, c.want)
		}
	}
}

// FuzzChannel holds that a name that is taken is one file of the device's
// folder and has its type's unit.
func FuzzChannel(f *testing.F) {
	for _, s := range []string{"temp", "voltage0-voltage1", "accel_x", "in_temp", "temp_", "intensity0_ir", "../temp", "ph"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		c, err := Channel(name)
		if err != nil {
			return
		}
		if c.Name != name || strings.ContainsAny(name, "/. \x00") {
			t.Fatalf("%q is taken as %v", name, c)
		}
		if s := shared(name); s[0] != name || !strings.HasPrefix(name, s[len(s)-1][:2]) {
			t.Fatalf("%q shares %v", name, s)
		}
	})
}

// Channels are found by the kernel's labels and scaled; what an input without a sensor
// is computed to is no temperature.
func TestRead_inputs(t *testing.T) {
	tree := pi4(t)
	const adc = "/sys/bus/iio/devices/iio:device2/"
	for name, text := range map[string]string{"in_voltage0_label": "supply", "in_temp_raw": "-273150", "in_temp_scale": "1"} {
		if err := tree.Set(adc+name, text); err != nil {
			t.Fatal(err)
		}
	}
	d, err := New(tree.FS().Root, "ads1015", []string{"voltage0"}, Input{Name: "rail", At: "voltage:supply", Scale: 10, Offset: 1},
		Input{Name: "head", At: "temp", Scale: 1}, Input{Name: "none", At: "voltage:absent", Scale: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	dst := make([]float64, 4)
	if err := d.Read(t.Context(), dst); err == nil || math.Abs(dst[0]-3.3) > 1e-9 || math.Abs(dst[1]-34) > 1e-9 || !math.IsNaN(dst[2]) || !math.IsNaN(dst[3]) {
		t.Errorf("%v, %v", dst, err)
	}
	for _, at := range []string{"voltage:", "volts:supply", ":x"} {
		if _, err := Channel(at); err == nil {
			t.Errorf("%s is accepted", at)
		}
	}
}

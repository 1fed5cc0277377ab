package thermal

import (
	"math"
	"testing"

	"golang.org/x/sys/unix"

	"iot-edge-anomaly/drivers/driverstest"
	"iot-edge-anomaly/drivers/sim/sysfssim"
)

func pi4(t *testing.T) (*sysfssim.Tree, *Dev) {
	t.Helper()
	tree, err := sysfssim.Lay(t.TempDir(), sysfssim.Pi4)
	if err != nil {
		t.Fatal(err)
	}
	d, err := open(tree.FS(), "cpu-thermal")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return tree, d
}

func TestConformance(t *testing.T) {
	driverstest.Run(t, func(t *testing.T) driverstest.Fixture {
		tree, d := pi4(t)
		return driverstest.Fixture{
			Sensor:    d,
			Fail:      func(err error) { tree.Fail(0, -1, err) },
			FailAfter: func(skip int, err error) { tree.Fail(skip, 1, err) },
			Traffic:   tree.Count,
		}
	}, driverstest.Options{})
}

func TestRead(t *testing.T) {
	tree, d := pi4(t)
	dst := []float64{0}
	if err := d.Read(t.Context(), dst); err != nil || dst[0] != 53.069 {
		t.Errorf("got %v %v", dst, err)
	}
	tree.Fail(0, 2, unix.EAGAIN)
	if err := d.Read(t.Context(), dst); err != nil || dst[0] != 53.069 {
		t.Errorf("after two EAGAIN: got %v %v", dst, err)
	}
	tree.Fail(0, -1, unix.ENODATA)
	err := d.Read(t.Context(), dst)
	want := "thermal cpu-thermal: temperature: temp: the sensor is switched off or has no value: no data available"
	if !math.IsNaN(dst[0]) || err == nil || err.Error() != want {
		t.Errorf("got %v %v\nwant %s", dst, err, want)
	}
}

func TestNew_refused(t *testing.T) {
	if _, err := New("", ""); err == nil {
		t.Error("no device is taken")
	}
}

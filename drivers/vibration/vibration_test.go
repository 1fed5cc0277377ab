package vibration

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"iot-edge-anomaly/drivers/driverstest"
	"iot-edge-anomaly/drivers/sim/sysfssim"
)

const (
	adxl   = "/sys/bus/iio/devices/iio:device10/"
	blockN = 2048
)

func pi4(t *testing.T) *sysfssim.Tree {
	t.Helper()
	tree, err := sysfssim.Lay(t.TempDir(), sysfssim.Pi4)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func options(tree *sysfssim.Tree) Options {
	return Options{Root: tree.Root, Device: "adxl355", Axes: []string{"x", "z"}, Rate: testRate, Samples: blockN, Bands: [][2]float64{{10, 200}, {200, 1500}}}
}

func dev(t *testing.T, o Options) *Dev {
	t.Helper()
	d, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// chip is the node that the kernel's scans come from.
func chip(t *testing.T, tree *sysfssim.Tree) *sysfssim.ADXL355 {
	t.Helper()
	a, err := tree.ADXL355(testRate)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	return a
}

// opened is a device that has found its buffer and thrown away what was in it.
// All axes are captured, as the chip's scans are.
func opened(t *testing.T, tree *sysfssim.Tree, o Options) *Dev {
	t.Helper()
	d := dev(t, o)
	if err := tree.Set(adxl+"scan_elements/in_accel_y_en", "1"); err != nil {
		t.Fatal(err)
	}
	if err := d.open(t.Context()); err != nil {
		t.Fatal(err)
	}
	return d
}

// push gives n samples of a sine of 100 Hz on x, with gravity on z.
func push(a *sysfssim.ADXL355, n int, amplitude float64) {
	for i := range n {
		a.Push(amplitude*math.Sin(2*math.Pi*100*float64(i)/testRate), 0, 9.80665+0.01*float64(i%7))
	}
	a.Flush()
}

func row(d *Dev) []float64 {
	dst := make([]float64, len(d.channels))
	for i := range dst {
		dst[i] = -7
	}
	return dst
}

func missing(dst []float64) bool {
	for _, v := range dst {
		if !math.IsNaN(v) {
			return false
		}
	}
	return true
}

func TestRead(t *testing.T) {
	tree := pi4(t)
	a := chip(t, tree)
	d := opened(t, tree, options(tree))
	push(a, blockN, 3)
	dst := row(d)
	synctest.Test(t, func(t *testing.T) { // time passes only where Read waits
		begin := time.Now()
		if err := d.Read(t.Context(), dst); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begin); took > 0 {
			t.Errorf("a block that is there takes %v: Read waits", took)
		}
	})
	got := map[string]float64{}
	for i, c := range d.Channels() {
		got[c.Name] = dst[i]
	}
	within(t, "x_rms", got["x_rms"], 3/math.Sqrt2, 0.001)
	within(t, "x_velocity", got["x_velocity"], 1000*3/(2*math.Pi*100)/math.Sqrt2, 0.005)
	within(t, "x_band_10_200", got["x_band_10_200"], 3/math.Sqrt2, 0.001)
	within(t, "z_rms", got["z_rms"], 0.02, 0.01)
	if got["x_band_200_1500"] > 0.01 {
		t.Errorf("x_band_200_1500 is %v", got["x_band_200_1500"])
	}
	// 100 samples more: the block slides
	push(a, 100, 3)
	if err := d.Read(t.Context(), dst); err != nil || missing(dst) {
		t.Errorf("the next: %v %v", dst, err)
	}
}

// A buffer that is off is set up as the configuration says, and switched off
// again; what udev has prepared is left as it is.
func TestRead_setsUp(t *testing.T) {
	tree := pi4(t)
	chip(t, tree)
	if err := tree.Set(adxl+"sampling_frequency", "1000.000000"); err != nil {
		t.Fatal(err)
	}
	text := func(name string) string { return tree.FS().Text(tree.FS().Path(adxl, name)) }
	d := opened(t, tree, options(tree))
	for name, want := range map[string]string{"buffer/enable": "1", "buffer/length": "16000", "buffer/watermark": "500", "sampling_frequency": "4000",
		"scan_elements/in_accel_x_en": "1", "scan_elements/in_accel_z_en": "1", "scan_elements/in_timestamp_en": "1", "scan_elements/in_temp_en": "0", "current_timestamp_clock": "monotonic"} {
		if got := text(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if err := d.Close(); err != nil || text("buffer/enable") != "0" {
		t.Errorf("after close enable is %q (%v), want 0", text("buffer/enable"), err)
	}

	if err := tree.Set(adxl+"buffer/enable", "1"); err != nil {
		t.Fatal(err)
	}
	if err := tree.Set(adxl+"buffer/length", "9000"); err != nil {
		t.Fatal(err)
	}
	d = opened(t, tree, options(tree))
	if d.capture.length != 9000 {
		t.Errorf("length %d, want the prepared 9000", d.capture.length)
	}
	if err := d.Close(); err != nil || text("buffer/enable") != "1" || text("buffer/length") != "9000" {
		t.Errorf("after close enable is %q (%v), want 1", text("buffer/enable"), err)
	}
}

func TestRead_refused(t *testing.T) {
	for _, c := range []struct {
		name, value, want string
	}{
		{"sampling_frequency", "1000", "vibration adxl355: it takes 1000 samples a second, the configuration wants 4000 (it offers 4000.000000 2000.000000"},
		{"buffer/length", "1024", "vibration adxl355: its buffer holds 1024 samples, less than a block of 2048: set buffer/length"},
		{"scan_elements/in_accel_x_en", "0", "vibration adxl355: scan element in_accel_x is off while the buffer is on"},
		{"scan_elements/in_accel_z_type", "le:f32/32", `vibration adxl355: scan element in_accel_z: type "le:f32/32", want a form like`},
		{"in_accel_scale", "-", `vibration adxl355: in_accel_scale: "-" is not a number`},
	} {
		tree := pi4(t)
		chip(t, tree)
		d := opened(t, tree, options(tree))
		if err := d.capture.stream.Close(); err != nil { // udev's buffer, and somebody else's change
			t.Fatal(err)
		}
		d.capture, d.on = nil, ""
		if err := tree.Set(adxl+c.name, c.value); err != nil {
			t.Fatal(err)
		}
		dst := row(d)
		if err := d.Read(t.Context(), dst); err == nil || !strings.HasPrefix(err.Error(), c.want) || !missing(dst) {
			t.Errorf("%s = %s: got %v\nwant %s", c.name, c.value, err, c.want)
		}
	}
}

// A sample that is lost, by the chip or because nobody drained, is never glued
// over; one that is only dated late is no loss.
func TestRead_gaps(t *testing.T) {
	tree := pi4(t)
	a := chip(t, tree)
	d := opened(t, tree, options(tree))
	dst := row(d)
	push(a, 1000, 1)
	a.Skip(1)
	push(a, 1100, 1)
	err := d.Read(t.Context(), dst)
	if err == nil || !missing(dst) || err.Error() != "vibration adxl355: a gap of 0.75 ms in the samples: the block is dropped" {
		t.Errorf("one sample lost: %v %v", dst, err)
	}
	push(a, 900, 1) // 2000 since the gap
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	if err := d.Read(ctx, dst); err == nil || !missing(dst) {
		t.Errorf("too few since the gap: %v %v", dst, err)
	}
	cancel()
	push(a, 100, 1)
	if err := d.Read(t.Context(), dst); err != nil || missing(dst) {
		t.Errorf("enough since the gap: %v %v", dst, err)
	}
	push(a, 1000, 1)
	a.Late(140_000) // of 250 µs
	push(a, 1000, 1)
	if err := d.Read(t.Context(), dst); err != nil || missing(dst) {
		t.Errorf("one dated late: %v %v", dst, err)
	}
}

// What lay in the buffer before it was opened is old.
func TestRead_stale(t *testing.T) {
	tree := pi4(t)
	a := chip(t, tree)
	push(a, blockN, 1)
	d := opened(t, tree, options(tree))
	push(a, 100, 1)
	dst := row(d)
	var err error
	for try := 0; try < 100 && d.block.have < 100; try++ { // a busy machine may use up the time
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		err = d.Read(ctx, dst)
		if cancel(); err == nil {
			break
		}
	}
	if err == nil || !missing(dst) || d.block.have != 100 {
		t.Errorf("got %v %v with %d samples kept, want 100", dst, err, d.block.have)
	}
}

// The kernel's buffer was full: what it holds is old, and Read waits for new.
func TestRead_overflow(t *testing.T) {
	tree := pi4(t)
	a := chip(t, tree)
	d := opened(t, tree, options(tree))
	d.capture.length = 4096
	push(a, 5000, 1)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	dst := row(d)
	if err := d.Read(ctx, dst); !errors.Is(err, context.DeadlineExceeded) || !missing(dst) || d.block.have != 0 {
		t.Errorf("got %v %v with %d samples kept", dst, err, d.block.have)
	}
	push(a, blockN, 1)
	if err := d.Read(t.Context(), dst); err != nil || missing(dst) {
		t.Errorf("afterwards: %v %v", dst, err)
	}
}

// Read ends within its bound where nothing comes, and the device may leave.
func TestRead_bound(t *testing.T) {
	tree := pi4(t)
	a := chip(t, tree)
	d := opened(t, tree, options(tree))
	dst := row(d)
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		err := d.Read(t.Context(), dst)
		if err == nil || err.Error() != "vibration adxl355: no samples: does its trigger run?" || !missing(dst) {
			t.Errorf("got %v %v", dst, err)
		}
		took, bound := time.Since(begin), 1250*blockN*time.Millisecond/testRate+250*time.Millisecond
		if took < bound || took > bound+pauseFill {
			t.Errorf("took %v, want %v", took, bound)
		}
	})
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if err := d.Read(t.Context(), dst); err == nil || !missing(dst) || !strings.Contains(err.Error(), "its buffer has ended: the device is gone") {
		t.Errorf("gone: %v %v", dst, err)
	}
	if err := tree.Rename("/sys/bus/iio/devices/iio:device10", "/sys/bus/iio/devices/away"); err != nil {
		t.Fatal(err)
	}
	if err := d.Read(t.Context(), dst); err == nil || !missing(dst) || !strings.Contains(err.Error(), "no such industrial I/O device") {
		t.Errorf("away: %v %v", dst, err)
	}
}

// Somebody changes the range: what was captured with the old one is not
// delivered in the new one's scale, nor the other way round.
func TestRead_rescaled(t *testing.T) {
	tree := pi4(t)
	a := chip(t, tree)
	d := opened(t, tree, options(tree))
	push(a, blockN, 1)
	if err := tree.Set(adxl+"in_accel_scale", "0.000076490"); err != nil {
		t.Fatal(err)
	}
	dst := row(d)
	if err := d.Read(t.Context(), dst); err == nil || !missing(dst) ||
		err.Error() != "vibration adxl355: scale of in_accel_x was 3.8245e-05 and is 7.649e-05 now: the block is dropped" {
		t.Errorf("got %v %v", dst, err)
	}
	if err := d.open(t.Context()); err != nil {
		t.Fatal(err)
	}
	push(a, blockN, 1)
	if err := d.Read(t.Context(), dst); err != nil || math.Abs(dst[0]-math.Sqrt2) > 0.001 {
		t.Errorf("with the new scale: %v %v", dst, err)
	}
}

// Somebody changes the rate: without timestamps nothing else tells that every
// frequency is another.
func TestRead_rateChanged(t *testing.T) {
	tree := pi4(t)
	a := chip(t, tree)
	d := opened(t, tree, options(tree))
	d.block.stamps = nil
	push(a, blockN, 1)
	if err := tree.Set(adxl+"sampling_frequency", "2000.000000"); err != nil {
		t.Fatal(err)
	}
	dst := row(d)
	if err := d.Read(t.Context(), dst); err == nil || !missing(dst) || err.Error() != "vibration adxl355: rate of sampling was 4000 and is 2000 now: the block is dropped" {
		t.Errorf("got %v %v", dst, err)
	}
	if err := d.Read(t.Context(), dst); err == nil || !missing(dst) || !strings.Contains(err.Error(), "it takes 2000 samples a second, the configuration wants 4000") {
		t.Errorf("got %v %v", dst, err)
	}
}

// A buffer that somebody switched off gives nothing; it is looked at anew, and
// switched on where it was ours.
func TestRead_switchedOff(t *testing.T) {
	tree := pi4(t)
	chip(t, tree)
	d := opened(t, tree, options(tree))
	if err := tree.Set(adxl+"buffer/enable", "0"); err != nil {
		t.Fatal(err)
	}
	dst := row(d)
	synctest.Test(t, func(t *testing.T) {
		for range 2 {
			if err := d.Read(t.Context(), dst); err == nil || !missing(dst) {
				t.Errorf("got %v %v", dst, err)
			}
		}
	})
	if got := tree.FS().Text(tree.FS().Path(adxl, "buffer/enable")); got != "1" {
		t.Errorf("the buffer is %q, want it on again", got)
	}
}

// A flat signal has no shape: that is missing, the rest is there.
func TestRead_flat(t *testing.T) {
	tree := pi4(t)
	a := chip(t, tree)
	o := options(tree)
	o.Axes, o.Channels = []string{"y"}, []string{"y_rms", "y_kurtosis"}
	d := opened(t, tree, o)
	// the chip's scans have x and z too
	for _, axis := range []string{"x", "z"} {
		if err := tree.Set(adxl+"scan_elements/in_accel_"+axis+"_en", "1"); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if err := d.open(t.Context()); err != nil {
		t.Fatal(err)
	}
	push(a, blockN, 1)
	dst := row(d)
	err := d.Read(t.Context(), dst)
	if err == nil || err.Error() != "vibration adxl355: y_kurtosis is not defined: all 2048 samples are equal" || dst[0] != 0 || !math.IsNaN(dst[1]) {
		t.Errorf("got %v %v", dst, err)
	}
}

func TestNew_refused(t *testing.T) {
	good := Options{Device: "a", Rate: 4000, Samples: 4096}
	for _, c := range []struct {
		change func(*Options)
		want   string
	}{
		{func(o *Options) { o.Device = "" }, "vibration: want a device"},
		{func(o *Options) { o.Axes = []string{"x", "x"} }, "vibration: axes [x x]"},
		{func(o *Options) { o.Axes = []string{"w"} }, "vibration: axes [w]"},
		{func(o *Options) { o.Samples = 4000 }, "vibration: a block of 4000 samples"},
		{func(o *Options) { o.Rate = 20 }, "vibration: a rate of 20 Hz"},
		{func(o *Options) { o.Rate = math.NaN() }, "vibration: a rate of NaN Hz"},
		{func(o *Options) { o.Bands = [][2]float64{{10, 3000}} }, "vibration: a band of 10 to 3000 Hz"},
		{func(o *Options) { o.Channels = []string{"x_rms", "x_rms"} }, `vibration: channel "x_rms"`},
		{func(o *Options) { o.Channels = []string{"x_band_1_2"} }, `vibration: channel "x_band_1_2"`},
	} {
		o := good
		c.change(&o)
		if _, err := New(o); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
	if _, err := New(good); err != nil {
		t.Error(err)
	}
}

// spring is a stream that always has a block and then nothing, and that can
// fail as no FIFO does.
type spring struct {
	count *int64
	skip  *int
	err   *error
	left  *int
	empty bool
	now   int64
}

func (s *spring) Read(p []byte) (int, error) {
	*s.count++
	if *s.err != nil && *s.left != 0 {
		if *s.skip == 0 {
			*s.left--
			return 0, *s.err
		}
		*s.skip--
	}
	if s.empty = !s.empty; !s.empty {
		return 0, unix.EAGAIN
	}
	for i := 0; i < len(p); i += 8 { // two of x, z and a step of the counter that makes them vary
		s.now = s.now*6364136223846793005 + 1442695040888963407
		for j := range 8 {
			p[i+j] = byte(s.now >> (8 * j))
		}
	}
	return len(p), nil
}

func (s *spring) Close() error { return nil }

func TestConformance(t *testing.T) {
	driverstest.Run(t, func(t *testing.T) driverstest.Fixture {
		tree := pi4(t)
		o := options(tree)
		o.Samples = atOnce // one read(2)
		d := dev(t, o)
		// without timestamps, so that any bytes are samples
		if err := tree.Remove(adxl + "scan_elements/in_timestamp_en"); err != nil {
			t.Fatal(err)
		}
		var count int64
		var skip, left int
		var err error
		d.dial = func(string) (stream, error) {
			return &spring{count: &count, skip: &skip, err: &err, left: &left, now: 1}, nil
		}
		return driverstest.Fixture{
			Sensor:    d,
			Fail:      func(e error) { skip, left, err = 0, -1, e },
			FailAfter: func(n int, e error) { skip, left, err = n, 1, e },
			Traffic:   func() int64 { return count },
		}
	}, driverstest.Options{})
}

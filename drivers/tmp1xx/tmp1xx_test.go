package tmp1xx

import (
	"errors"
	"math"
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

// kind is one chip with its simulation.
type kind struct {
	name string
	open func(i2c.Bus, Options) (*Dev, error)
	sim  func() *i2csim.TMP1xx
	step float64 // of the temperature, °C
}

var kinds = []kind{
	{"tmp102", NewTMP102, i2csim.NewTMP102, 0.0625},
	{"tmp112", NewTMP112, i2csim.NewTMP102, 0.0625},
	{"tmp117", NewTMP117, i2csim.NewTMP117, 0.0078125},
}

func (k kind) on(t *testing.T) (*Dev, *i2csim.TMP1xx, *i2csim.Bus) {
	bus, chip := i2csim.New("sim"), k.sim()
	bus.Attach(0x4B, chip)
	d, err := k.open(bus, Options{Address: 0x4B})
	if err != nil {
		t.Fatal(err)
	}
	return d, chip, bus
}

func TestConformance(t *testing.T) {
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			driverstest.Run(t, func(t *testing.T) driverstest.Fixture {
				d, _, bus := k.on(t)
				return driverstest.On(bus, d)
			}, driverstest.Options{})
		})
	}
}

// SBOS397 tables 5 and 6 (12 and 13 bits), SNOSD82 table 7-1.
func TestRead_tables(t *testing.T) {
	for _, c := range []struct {
		open     func(i2c.Bus, Options) (*Dev, error)
		id       []byte // TMP117 only
		conf     uint16
		register uint16
		want     float64
	}{
		{NewTMP102, nil, 0x60A0, 0x7FF0, 127.9375}, {NewTMP102, nil, 0x60A0, 0x6400, 100}, {NewTMP102, nil, 0x60A0, 0x5000, 80},
		{NewTMP102, nil, 0x60A0, 0x1900, 25}, {NewTMP102, nil, 0x60A0, 0x0040, 0.25}, {NewTMP102, nil, 0x60A0, 0x0000, 0},
		{NewTMP102, nil, 0x60A0, 0xFFC0, -0.25}, {NewTMP102, nil, 0x60A0, 0xE700, -25}, {NewTMP112, nil, 0x60A0, 0xC900, -55},
		{NewTMP102, nil, 0x60B0, 0x4B01, 150}, {NewTMP102, nil, 0x60B0, 0x4001, 128}, {NewTMP102, nil, 0x60B0, 0x0C81, 25},
		{NewTMP112, nil, 0x60B0, 0xFFE1, -0.25}, {NewTMP112, nil, 0x60B0, 0xE481, -55},
		{NewTMP117, []byte{0x01, 0x17}, 0x0220, 0xF380, -25}, {NewTMP117, []byte{0x11, 0x17}, 0x0220, 0xFFF0, -0.125},
		{NewTMP117, []byte{0x01, 0x17}, 0x2220, 0xFFFF, -0.0078125}, {NewTMP117, []byte{0x01, 0x17}, 0x0220, 0x0000, 0},
		{NewTMP117, []byte{0x01, 0x17}, 0x0220, 0x0001, 0.0078125}, {NewTMP117, []byte{0x01, 0x17}, 0x0220, 0x0C80, 25},
		{NewTMP117, []byte{0x01, 0x17}, 0x0220, 0x3200, 100}, {NewTMP117, []byte{0x01, 0x17}, 0x0220, 0x7FFF, 255.9921875},
	} {
		var ops []i2ctest.IO
		if c.id != nil {
			ops = append(ops, i2ctest.IO{Addr: 0x48, W: []byte{regID}, R: c.id})
		}
		ops = append(ops, i2ctest.IO{Addr: 0x48, W: []byte{regConfig}, R: []byte{byte(c.conf >> 8), byte(c.conf)}},
			i2ctest.IO{Addr: 0x48, W: []byte{regTemp}, R: []byte{byte(c.register >> 8), byte(c.register)}})
		if c.id == nil && c.register == 0 {
			ops = append(ops, ops[1]) // it is asked again
		}
		bus := &i2ctest.Playback{DontPanic: true, Ops: ops}
		d, _ := c.open(bus, Options{})
		dst := []float64{0}
		if err := d.Read(t.Context(), dst); err != nil || dst[0] != c.want {
			t.Errorf("%v configuration %04x register %04x: %v %v, want %v", d, c.conf, c.register, dst[0], err, c.want)
		}
		if err := bus.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestRead_values(t *testing.T) {
	for _, k := range kinds {
		d, chip, bus := k.on(t)
		dst := []float64{0}
		for _, want := range []float64{20, -55, -0.3, 0, 127.9, 36.61} {
			chip.Set(want)
			if err := d.Read(t.Context(), dst); err != nil || math.Abs(dst[0]-want) > k.step/2 {
				t.Errorf("%s: got %v %v, want %v", k.name, dst, err, want)
			}
		}
		if k.name != "tmp117" {
			bus.Tx(0x4B, []byte{regConfig, 0x60, 0xB0}, nil) // somebody set EM
		}
		chip.Set(140)
		if err := d.Read(t.Context(), dst); err != nil || math.Abs(dst[0]-140) > k.step/2 {
			t.Errorf("%s extended: got %v %v", k.name, dst, err)
		}
	}
}

// A chip in shutdown repeats its last temperature: it is not read. Power brings
// it back, and before its first conversion there is no value.
func TestRead_shutdown(t *testing.T) {
	for _, k := range kinds {
		synctest.Test(t, func(t *testing.T) {
			d, chip, bus := k.on(t)
			dst := []float64{0}
			conf := []byte{regConfig, 0x61, 0xA0}
			if k.name == "tmp117" {
				conf = []byte{regConfig, 0x06, 0x20}
			}
			bus.Tx(0x4B, conf, nil)
			if err := d.Read(t.Context(), dst); err == nil || !strings.Contains(err.Error(), "shutdown") || !math.IsNaN(dst[0]) {
				t.Errorf("%s: got %v %v", k.name, dst, err)
			}
			chip.PowerCycle()
			switch err := d.Read(t.Context(), dst); {
			case k.name == "tmp117" && (err == nil || !strings.Contains(err.Error(), "no conversion since power-on") || !math.IsNaN(dst[0])):
				t.Errorf("%s: got %v %v", k.name, dst, err)
			case k.name != "tmp117" && (err != nil || dst[0] != 20):
				t.Errorf("%s: got %v %v, want no 0 °C of before its first conversion", k.name, dst, err)
			}
			time.Sleep(time.Second)
			if err := d.Read(t.Context(), dst); err != nil || dst[0] != 20 {
				t.Errorf("%s: got %v %v", k.name, dst, err)
			}
		})
	}
}

func TestRead_failAtStep(t *testing.T) {
	io := func(reg byte, v uint16) i2ctest.IO {
		return i2ctest.IO{Addr: 0x48, W: []byte{reg}, R: []byte{byte(v >> 8), byte(v)}}
	}
	for _, c := range []struct {
		open func(i2c.Bus, Options) (*Dev, error)
		ops  []i2ctest.IO
		want string
	}{
		{NewTMP102, nil, "tmp102 at 0x48: reading configuration: "},
		{NewTMP102, []i2ctest.IO{io(regConfig, 0x60A0)}, "tmp102 at 0x48: reading temperature: "},
		{NewTMP102, []i2ctest.IO{io(regConfig, 0xFFFF)}, "tmp102 at 0x48: configuration 0xffff does not fit this chip: is another chip at this address?"},
		{NewTMP102, []i2ctest.IO{io(regConfig, 0)}, "tmp102 at 0x48: configuration 0x0000 does not fit this chip: is another chip at this address?"},
		{NewTMP102, []i2ctest.IO{io(regConfig, 0x60A0), io(regTemp, 0)}, "tmp102 at 0x48: reading temperature: "},
		{NewTMP102, []i2ctest.IO{io(regConfig, 0x60B0), io(regTemp, 0x1900)}, "tmp102 at 0x48: temperature 0x1900 is not in the format of configuration 0x60b0"},
		{NewTMP112, []i2ctest.IO{io(regConfig, 0x60A0), io(regTemp, 0x0C81)}, "tmp112 at 0x48: temperature 0x0c81 is not in the format of configuration 0x60a0"},
		{NewTMP117, nil, "tmp117 at 0x48: reading device id: "},
		{NewTMP117, []i2ctest.IO{io(regID, 0xFFFF)}, "tmp117 at 0x48: device id 0xffff, want 0x0117"},
		{NewTMP117, []i2ctest.IO{io(regID, 0x0117)}, "tmp117 at 0x48: reading configuration: "},
		{NewTMP117, []i2ctest.IO{io(regID, 0x0117), io(regConfig, 0x0220)}, "tmp117 at 0x48: reading temperature: "},
	} {
		d, _ := c.open(&i2ctest.Playback{DontPanic: true, Ops: c.ops}, Options{})
		dst := []float64{0}
		if err := d.Read(t.Context(), dst); err == nil || !strings.HasPrefix(err.Error(), c.want) || !math.IsNaN(dst[0]) {
			t.Errorf("got %v %v, want %q", dst, err, c.want)
		}
	}
}

func TestRead_absentThenThere(t *testing.T) {
	for _, k := range kinds {
		d, chip, bus := k.on(t)
		bus.Detach(0x4B)
		dst := []float64{0}
		if err := d.Read(t.Context(), dst); !errors.Is(err, syscall.ENXIO) {
			t.Errorf("got %v", err)
		}
		bus.Attach(0x4B, chip)
		if err := d.Read(t.Context(), dst); err != nil {
			t.Error(err)
		}
	}
}

func TestIdentify(t *testing.T) {
	bus := i2csim.New("sim")
	bus.Attach(0x48, i2csim.NewTMP117())
	bus.Attach(0x49, i2csim.NewTMP102())
	bus.Attach(0x4A, i2csim.NewLM75(11))
	for addr, want := range map[uint16]string{0x48: "tmp117", 0x49: "", 0x4A: "", 0x4B: "", 0x4F: ""} {
		if got := Identify(bus, addr); got != want {
			t.Errorf("0x%02x is %q, want %q", addr, got, want)
		}
	}
}

func TestNew_options(t *testing.T) {
	if _, err := NewTMP117(nil, Options{Address: 0x4C}); err == nil || err.Error() != "tmp117: address 0x4c, want 0x48 to 0x4b" {
		t.Errorf("got %v", err)
	}
}

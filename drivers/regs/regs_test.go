package regs

import (
	"context"
	"errors"
	"math"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/i2c/i2ctest"

	"iot-edge-anomaly/drivers"
	"iot-edge-anomaly/drivers/driverstest"
	"iot-edge-anomaly/drivers/sim/i2csim"
)

// mcp9808 is a Microchip MCP9808 with its resolution set: DS25095A §5.1.3 the
// temperature (13 bits, two's complement, the three above are alert flags), §5.1.6
// the resolution, §5.1.4 and §5.1.5 the ids.
func mcp9808() Options {
	return Options{Address: 0x18,
		Init:  []Write{{Bytes: []byte{0x08, 0x02}, Wait: 130 * time.Millisecond}},
		Check: []Check{{Place: Place{At: []byte{0x06}, Width: 2}, Value: 0x0054}, {Place: Place{At: []byte{0x08}, Width: 1}, Value: 2, Mask: 3}},
		Registers: []Register{
			{Name: "temperature", Quantity: drivers.Temperature, Place: Place{At: []byte{0x05}, Width: 2}, Mask: 0x1FFF, Signed: true, Scale: 0.0625},
			{Name: "hot", Place: Place{At: []byte{0x05}, Width: 2}, Mask: 0x4000, Shift: 14, Scale: 1},
		}}
}

func on(t *testing.T, o Options, c i2csim.Chip) (*Dev, *i2csim.Bus) {
	bus := i2csim.New("sim")
	bus.Attach(o.Address, c)
	d, err := New(bus, o)
	if err != nil {
		t.Fatal(err)
	}
	return d, bus
}

func TestConformance(t *testing.T) {
	driverstest.Run(t, func(t *testing.T) driverstest.Fixture {
		o := Options{Address: 0x18,
			Init:  []Write{{Bytes: []byte{0x20, 0x57}, Wait: time.Millisecond}},
			Check: []Check{{Place: Place{At: []byte{0x20}, Width: 1}, Value: 0x57}},
			Registers: []Register{
				{Name: "a", Place: Place{At: []byte{0x28}, Width: 2, CRC: PEC}, Scale: 1},
				{Name: "b", Place: Place{At: []byte{0x2A}, Width: 2, CRC: PEC}, Scale: 1},
			}}
		chip := i2csim.NewTable(nil)
		chip.SendPEC(0x18, false)
		o.Check[0].CRC = PEC
		d, bus := on(t, o, chip)
		return driverstest.On(bus, d)
	}, driverstest.Options{})
}

// DS25095A §5.1.3.1: C190h is 25 °C with two flags, and equation 5-1's bits for
// -25 °C are 1E70h.
func TestRead_mcp9808(t *testing.T) {
	word := func(reg byte, v uint16) i2ctest.IO {
		return i2ctest.IO{Addr: 0x18, W: []byte{reg}, R: []byte{byte(v >> 8), byte(v)}}
	}
	for _, c := range []struct {
		raw  uint16
		want float64
		hot  float64
	}{{0xC190, 25, 1}, {0x1E70, -25, 0}, {0x0000, 0, 0}, {0x1FFF, -0.0625, 0}, {0x47FF, 127.9375, 1}} {
		bus := &i2ctest.Playback{DontPanic: true, Ops: []i2ctest.IO{
			{Addr: 0x18, W: []byte{0x08, 0x02}}, word(0x05, c.raw), word(0x05, c.raw),
			word(0x06, 0x0054), {Addr: 0x18, W: []byte{0x08}, R: []byte{0xFE}},
		}}
		o := mcp9808()
		o.Init[0].Wait = 0
		d, err := New(bus, o)
		if err != nil {
			t.Fatal(err)
		}
		dst := make([]float64, 2)
		if err := d.Read(t.Context(), dst); err != nil || dst[0] != c.want || dst[1] != c.hot {
			t.Errorf("%04x: %v %v, want %v", c.raw, dst, err, c.want)
		}
		if err := bus.Close(); err != nil {
			t.Error(err)
		}
	}
}

// MLX90614 rev. 8 §8.4.3.1: object temperature 3AD2h at 5Ah has the packet error
// code 30h; it is 28.01 °C.
func TestRead_packetErrorCode(t *testing.T) {
	o := Options{Address: 0x5A, Registers: []Register{
		{Name: "object", Place: Place{At: []byte{0x07}, Width: 2, Little: true, CRC: PEC}, Scale: 0.02, Offset: -273.15, Missing: []uint64{0xFFFF}}}}
	for _, c := range []struct {
		r    []byte
		want float64
		err  string
	}{
		{[]byte{0xD2, 0x3A, 0x30}, 28.01, ""},
		{[]byte{0xD2, 0x3B, 0x30}, math.NaN(), "regs at 0x5a: object: no value: packet error code of d2 3b is 0x30, want 0x"},
	} {
		d, _ := New(&i2ctest.Playback{DontPanic: true, Ops: []i2ctest.IO{{Addr: 0x5A, W: []byte{7}, R: c.r}}}, o)
		dst := []float64{0}
		err := d.Read(t.Context(), dst)
		if c.err == "" && (err != nil || math.Abs(dst[0]-c.want) > 1e-9) || c.err != "" && (err == nil || !strings.HasPrefix(err.Error(), c.err) || !math.IsNaN(dst[0])) {
			t.Errorf("got %v %v", dst, err)
		}
	}
}

// An SHT3x by table: a command, a wait, a chip that does not answer while it
// measures, and two words with checksums of which one is wrong.
func TestRead_sht3x(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		place := Place{At: []byte{0x24, 0x00}, Wait: 13 * time.Millisecond, Width: 2, CRC: Sensirion}
		second := place
		second.Skip = 3
		chip := i2csim.NewSHT3x()
		d, bus := on(t, Options{Address: 0x44, Registers: []Register{
			{Name: "temperature", Place: place, Scale: 175.0 / 65535, Offset: -45},
			{Name: "humidity", Place: second, Scale: 100.0 / 65535},
		}}, chip)
		dst := make([]float64, 2)
		chip.Set(-12.5, 33)
		chip.Stall(5 * time.Millisecond)
		if err := d.Read(t.Context(), dst); err != nil || math.Abs(dst[0]+12.5) > 0.01 || math.Abs(dst[1]-33) > 0.01 {
			t.Errorf("got %v %v", dst, err)
		}
		if n := bus.Count(); n <= 4 {
			t.Errorf("%d transactions: it was never busy", n)
		}
		chip.CorruptCRC(3, 1) // the humidity of the second measurement
		err := d.Read(t.Context(), dst)
		if err == nil || !strings.HasPrefix(err.Error(), "regs at 0x44: humidity: no value: checksum of ") || math.IsNaN(dst[0]) || !math.IsNaN(dst[1]) {
			t.Errorf("got %v %v", dst, err)
		}
		chip.Stall(time.Minute)
		if err := d.Read(t.Context(), dst); !errors.Is(err, syscall.EREMOTEIO) || !math.IsNaN(dst[0]) || !math.IsNaN(dst[1]) {
			t.Errorf("got %v %v", dst, err)
		}
	})
}

// A chip that lost its power and with it its settings is noticed, gives
// nothing, and is opened anew.
func TestRead_powerLoss(t *testing.T) {
	o := Options{Address: 0x29,
		Init:      []Write{{Bytes: []byte{0x80, 0x03}}},
		Check:     []Check{{Place: Place{At: []byte{0x80}, Width: 1}, Value: 3}},
		Registers: []Register{{Name: "light", Place: Place{At: []byte{0x94}, Width: 2, Little: true}, Scale: 1, Missing: []uint64{0}}}}
	chip := i2csim.NewTable(map[byte][]byte{0x94: {0x34, 0x12}})
	d, _ := on(t, o, chip)
	dst := []float64{0}
	if err := d.Read(t.Context(), dst); err != nil || dst[0] != 0x1234 || chip.Get(0x80) != 3 {
		t.Errorf("got %v %v", dst, err)
	}
	chip.PowerCycle()
	if err := d.Read(t.Context(), dst); err == nil || err.Error() != "regs at 0x29: check at 80: number is 0x0, want 0x3" || !math.IsNaN(dst[0]) {
		t.Errorf("got %v %v", dst, err)
	}
	if err := d.Read(t.Context(), dst); err != nil || dst[0] != 0x1234 {
		t.Errorf("got %v %v", dst, err)
	}
	chip.Set(0x94, 0, 0)
	if err := d.Read(t.Context(), dst); err == nil || err.Error() != "regs at 0x29: light: no value: the chip sent 0x0, which means that it has none" || !math.IsNaN(dst[0]) {
		t.Errorf("got %v %v", dst, err)
	}
	if chip.Get(0x80) != 3 {
		t.Error("opened anew for a missing value")
	}
}

// A power that fails while the registers are read, here between the first and the
// second, leaves no value either.
func TestRead_powerLossMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := Register{Name: "b", Place: Place{At: []byte{0x96}, Wait: 10 * time.Millisecond, Width: 1}, Scale: 1}
		o := Options{Address: 0x29,
			Init:      []Write{{Bytes: []byte{0x80, 0x03}}},
			Check:     []Check{{Place: Place{At: []byte{0x80}, Width: 1}, Value: 3}},
			Registers: []Register{{Name: "a", Place: Place{At: []byte{0x94}, Width: 1}, Scale: 1}, slow}}
		chip := i2csim.NewTable(map[byte][]byte{0x94: {7}, 0x96: {8}})
		d, _ := on(t, o, chip)
		dst := make([]float64, 2)
		time.AfterFunc(5*time.Millisecond, chip.PowerCycle)
		if err := d.Read(t.Context(), dst); err == nil || !math.IsNaN(dst[0]) || !math.IsNaN(dst[1]) {
			t.Errorf("got %v %v", dst, err)
		}
		if err := d.Read(t.Context(), dst); err != nil || dst[0] != 7 || dst[1] != 8 {
			t.Errorf("got %v %v", dst, err)
		}
	})
}

func TestRead_failAtStep(t *testing.T) {
	good := []i2ctest.IO{
		{Addr: 0x29, W: []byte{0x80, 0x03}},
		{Addr: 0x29, W: []byte{0xA0}},
		{Addr: 0x29, R: []byte{1, 2}},
		{Addr: 0x29, R: []byte{9}},
		{Addr: 0x29, W: []byte{0x80}, R: []byte{3}},
	}
	o := Options{Address: 0x29, Init: []Write{{Bytes: []byte{0x80, 0x03}}},
		Check: []Check{{Place: Place{At: []byte{0x80}, Width: 1}, Value: 3}},
		Registers: []Register{
			{Name: "a", Place: Place{At: []byte{0xA0}, Wait: time.Millisecond, Width: 2}, Scale: 1},
			{Name: "b", Place: Place{Width: 1}, Scale: 1},
		}}
	for step, want := range []string{"writing settings: ", "writing a: ", "reading a: ", "reading b: ", "reading check: ", ""} {
		bus := &i2ctest.Playback{DontPanic: true, Ops: good[:step]}
		d, _ := New(bus, o)
		dst := make([]float64, 2)
		err := d.Read(t.Context(), dst)
		if want == "" {
			if err != nil || dst[0] != 0x0102 || dst[1] != 9 || bus.Close() != nil {
				t.Errorf("got %v %v", dst, err)
			}
			continue
		}
		if err == nil || !strings.HasPrefix(err.Error(), "regs at 0x29: "+want) || !math.IsNaN(dst[1]) || !math.IsNaN(dst[0]) {
			t.Errorf("step %d: got %v %v, want %q", step, dst, err, want)
		}
	}
}

func TestValue(t *testing.T) {
	for _, c := range []struct {
		width  int
		mask   uint64
		shift  int
		signed bool
		raw    uint64
		want   float64
	}{
		{1, 0, 0, false, 0xFF, 255}, {1, 0, 0, true, 0xFF, -1}, {3, 0, 4, true, 0xFFFFF0, -1}, {3, 0xFFFFF0, 4, false, 0xABCDEF, 0xABCDE},
		{2, 0x0FF0, 4, true, 0x0800, -128}, {2, 0x0FF0, 4, true, 0xF7F0, 127}, {8, 0, 0, true, 1 << 63, -9223372036854775808},
		{8, 0, 0, false, 1 << 63, 9223372036854775808}, {2, 0x8000, 15, true, 0x8000, -1}, {2, 0x8000, 15, false, 0x8000, 1},
	} {
		r := Register{Place: Place{Width: c.width}, Mask: c.mask, Shift: c.shift, Signed: c.signed, Scale: 1}
		if err := r.prepare(&r.Mask, r.Shift); err != nil {
			t.Fatal(err)
		}
		if got, err := r.value(c.raw); err != nil || got != c.want {
			t.Errorf("%+v: got %v %v", c, got, err)
		}
	}
}

func TestNew_options(t *testing.T) {
	with := func(r Register) Options { return Options{Address: 0x18, Registers: []Register{r}} }
	for _, c := range []struct {
		o    Options
		want string
	}{
		{Options{}, "regs: address 0x01, want 0x03 to 0x77"},
		{Options{Address: 0x18}, "regs: no registers"},
		{Options{Address: 0x18, Init: []Write{{}}, Registers: []Register{{}}}, "regs: a write of 0 bytes"},
		{with(Register{Name: "a"}), "regs: register a: width 0, want 1 to 8"},
		{with(Register{Name: "a", Place: Place{Width: 9}}), "regs: register a: width 9"},
		{with(Register{Name: "a", Place: Place{Width: 3, CRC: Sensirion}}), "regs: register a: width 3 and skip 0, want whole words"},
		{with(Register{Name: "a", Place: Place{Width: 2, Skip: 31}}), "regs: register a: skip 31, want a transfer of at most 32 bytes"},
		{with(Register{Name: "a", Place: Place{Width: 1}, Mask: 0x100}), "regs: register a: mask 0x100, want one of at most 1 bytes"},
		{with(Register{Name: "a", Place: Place{Width: 1}, Shift: 8}), "regs: register a: shift 8, want 0 to 7"},
		{with(Register{Name: "a", Place: Place{Width: 1, Wait: -1}}), "regs: register a: address of 0 bytes and a wait of -1ns"},
		{Options{Address: 0x18, Check: []Check{{}}, Registers: []Register{{}}}, "regs: check 1: width 0"},
	} {
		if _, err := New(nil, c.o); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
}

// replies answers every read with fixed bytes.
type replies struct {
	i2c.Bus
	b []byte
}

func (r replies) Tx(_ uint16, _, dst []byte) error { copy(dst, r.b); return nil }

// FuzzRead: no table that New takes and no answer makes Read panic, and a value
// is there or an error tells why not.
func FuzzRead(f *testing.F) {
	f.Add(uint8(2), uint8(0), uint8(0), uint64(0x1FFF), uint8(0), true, true, []byte{0xC1, 0x90})
	f.Add(uint8(4), uint8(3), uint8(1), uint64(0), uint8(8), false, false, []byte{0, 0, 0, 0xBE, 0xEF, 0x92, 0xBE, 0xEF, 0x92})
	f.Add(uint8(2), uint8(0), uint8(2), uint64(0), uint8(0), true, false, []byte{0xD2, 0x3A, 0x30})
	f.Fuzz(func(t *testing.T, width, skip, crc uint8, mask uint64, shift uint8, signed, little bool, b []byte) {
		r := Register{Name: "a", Mask: mask, Shift: int(shift), Signed: signed, Scale: 1,
			Place: Place{At: []byte{7}, Width: int(width), Skip: int(skip), Little: little, CRC: CRC(crc % 3)}}
		d, err := New(replies{b: b}, Options{Address: 0x5A, Registers: []Register{r}})
		if err != nil {
			return
		}
		dst := []float64{0}
		err = d.Read(context.Background(), dst)
		if math.IsNaN(dst[0]) != (err != nil) || math.IsInf(dst[0], 0) {
			t.Errorf("got %v %v", dst, err)
		}
		if signed == false && dst[0] < 0 || math.Abs(dst[0]) > float64(1<<63)*2 {
			t.Errorf("got %v of %d bytes", dst, width)
		}
	})
}

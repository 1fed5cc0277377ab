package i2csim

import (
	"math"
	"testing"
	"testing/synctest"
	"time"
)

func get(t *testing.T, c Chip, reg byte, n int) []byte {
	t.Helper()
	r := make([]byte, n)
	if err := c.Tx([]byte{reg}, r); err != nil {
		t.Fatal(err)
	}
	return r
}

func word(t *testing.T, c Chip, reg byte) uint16 {
	r := get(t, c, reg, 2)
	return uint16(r[0])<<8 | uint16(r[1])
}

// The worked example of BST-BMP280-DS001 §3.12: the integer forms give 25.08 °C
// and 25767236/256 Pa for these raw values.
func TestBME280_arithmetic(t *testing.T) {
	fine := bmeFine(519888)
	if fine != 128422 {
		t.Errorf("t_fine %d, want 128422", fine)
	}
	if p := bmePressure(415148, fine) * 256; math.Abs(p-25767236) > 4 {
		t.Errorf("pressure %v/256 Pa, want 25767236", p)
	}
}

func TestBME280_set(t *testing.T) {
	c := NewBME280()
	for _, want := range [][3]float64{{20, 101325, 50}, {-40, 30000, 5}, {85, 110000, 95}, {0, 90000, 0.5}, {36.6, 97000, 100}} {
		c.Set(want[0], want[1], want[2])
		fine := bmeFine(c.rawT)
		got := [3]float64{float64(fine) / 5120, bmePressure(c.rawP, fine), bmeHumidity(c.rawH, fine)}
		for i, tol := range []float64{0.01, 0.2, 0.02} {
			if math.Abs(got[i]-want[i]) > tol {
				t.Errorf("%v: value %d is %v", want, i, got[i])
			}
		}
	}
}

func TestBME280_measurement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := NewBME280()
		if id := get(t, c, bmeID, 1)[0]; id != 0x60 {
			t.Errorf("id %#x", id)
		}
		if d := get(t, c, bmeData, 8); d[0] != 0x80 || d[3] != 0x80 || d[6] != 0x80 {
			t.Errorf("data after power-on % x", d)
		}
		c.Tx([]byte{bmeCtrlHum, 1, bmeCtrlMeas, 1<<5 | 1<<2 | 1}, nil)
		if s := get(t, c, bmeStatus, 1)[0]; s&8 == 0 {
			t.Error("not measuring")
		}
		c.Set(80, 50000, 10) // too late for this measurement
		time.Sleep(8 * time.Millisecond)
		d := get(t, c, bmeData, 8)
		raw := int32(d[3])<<12 | int32(d[4])<<4 | int32(d[5])>>4
		if temp := float64(bmeFine(raw)) / 5120; math.Abs(temp-20) > 0.01 {
			t.Errorf("temperature %v", temp)
		}
		if s := get(t, c, bmeStatus, 2); s[0]&8 != 0 || s[1]&3 != 0 {
			t.Errorf("status, ctrl_meas % x after the measurement", s)
		}
		c.PowerCycle()
		if s := get(t, c, bmeCtrlMeas, 1)[0]; s != 0 {
			t.Errorf("ctrl_meas %#x after a power cycle", s)
		}
		// humidity switched off by the power cycle reads as skipped
		c.Tx([]byte{bmeCtrlMeas, 1<<5 | 1<<2 | 1}, nil)
		time.Sleep(8 * time.Millisecond)
		if d := get(t, c, bmeData, 8); d[6] != 0x80 || d[7] != 0 {
			t.Errorf("humidity % x, want the skip mark", d[6:])
		}
	})
}

// Table 8 of SBOS448G: 10 A through 2 mΩ at 11.98 V, calibration 5000h, 1 mA
// per bit.
func TestINA219_example(t *testing.T) {
	c := NewINA219(0.002)
	c.Set(11.98, 10)
	time.Sleep(2 * time.Millisecond)
	c.Tx([]byte{inaCalibration, 0x50, 0x00}, nil)
	for _, want := range []struct {
		reg byte
		v   uint16
	}{{inaConfig, 0x399F}, {inaShunt, 0x07D0}, {inaBus, 2995<<3 | 2}, {inaCurrent, 0x2710}, {inaPower, 0x1766}} {
		if got := word(t, c, want.reg); got != want.v {
			t.Errorf("register %d is %04x, want %04x", want.reg, got, want.v)
		}
	}
}

func TestINA219_ready(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := NewINA219(0.1)
		c.Set(24, -1)
		time.Sleep(2 * time.Millisecond)
		word(t, c, inaPower) // clears CNVR
		if word(t, c, inaBus)&2 != 0 {
			t.Error("ready at once")
		}
		time.Sleep(2 * time.Millisecond)
		if word(t, c, inaBus)&2 == 0 {
			t.Error("not ready after 2 ms")
		}
		if got := int16(word(t, c, inaShunt)); got != -10000 {
			t.Errorf("shunt %d, want -10000", got)
		}
		c.Tx([]byte{inaConfig, 0x1F, 0xFF}, nil) // 16 V range limits
		if got := word(t, c, inaBus) >> 3; got != 4000 {
			t.Errorf("bus %d, want 4000", got)
		}
	})
}

// NXP LM75B table 10 and, for 9 bits, the original LM75.
func TestLM75_register(t *testing.T) {
	for _, c := range []struct {
		bits int
		temp float64
		want uint16
	}{
		{11, 127, 0x7F00}, {11, 126.875, 0x7EE0}, {11, 25, 0x1900}, {11, 0.125, 0x0020}, {11, 0, 0},
		{11, -0.125, 0xFFE0}, {11, -25, 0xE700}, {11, -54.875, 0xC920}, {11, -55, 0xC900},
		{9, 125, 0x7D00}, {9, 0.5, 0x0080}, {9, -0.5, 0xFF80}, {12, 0.0625, 0x0010},
	} {
		chip := NewLM75(c.bits)
		chip.Set(c.temp)
		if got := word(t, chip, 0); got != c.want {
			t.Errorf("%d bits %v °C: %04x, want %04x", c.bits, c.temp, got, c.want)
		}
	}
	chip := NewLM75(11)
	if chip.Tx([]byte{2, 0x10, 0}, nil); word(t, chip, 2) != 0x1000 || word(t, chip, 3) != 0x5000 {
		t.Error("limit registers")
	}
	if chip.PowerCycle(); word(t, chip, 2) != 0x4B00 {
		t.Error("power cycle")
	}
}

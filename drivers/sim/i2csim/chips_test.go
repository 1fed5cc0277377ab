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
		c.Tx([]byte{bmeCtrlHum, 1, bmeCtrlMeas, 1<<5 | 1<<2 | 3}, nil) // normal mode
		for _, want := range []float64{80, -20} {
			c.Set(want, 50000, 10)
			time.Sleep(8 * time.Millisecond)
			d := get(t, c, bmeData, 8)
			raw := int32(d[3])<<12 | int32(d[4])<<4 | int32(d[5])>>4
			if temp := float64(bmeFine(raw)) / 5120; math.Abs(temp-want) > 0.01 || get(t, c, bmeCtrlMeas, 1)[0]&3 != 3 {
				t.Errorf("temperature %v in normal mode, want %v", temp, want)
			}
		}
		c.PowerCycle()
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

// Table 8-1 of SBOS547B: 10 A through 2 mΩ at 11.98 V, calibration A00h, 1 mA
// per bit.
func TestINA226_example(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := NewINA226(0.002)
		c.Set(11.98, 10)
		c.Tx([]byte{5, 0x0A, 0x00}, nil)
		for _, want := range []struct {
			reg byte
			v   uint16
		}{{0, 0x4127}, {1, 0x1F40}, {2, 0x2570}, {3, 0x12B8}, {4, 0x2710}, {5, 0x0A00}, {6, 0}, {0xFE, 0x5449}, {0xFF, 0x2260}} {
			if got := word(t, c, want.reg); got != want.v {
				t.Errorf("register %02x is %04x, want %04x", want.reg, got, want.v)
			}
		}
		time.Sleep(3 * time.Millisecond)
		if first, second := word(t, c, 6), word(t, c, 6); first != 8 || second != 0 {
			t.Errorf("conversion ready %04x, then %04x", first, second)
		}
	})
}

// SBOS397 tables 5 and 6, SNOSD82 table 7-1.
func TestTMP1xx_register(t *testing.T) {
	for _, c := range []struct {
		chip *TMP1xx
		conf []byte
		temp float64
		want uint16
	}{
		{NewTMP102(), nil, 127.9375, 0x7FF0}, {NewTMP102(), nil, 25, 0x1900}, {NewTMP102(), nil, -0.25, 0xFFC0},
		{NewTMP102(), []byte{1, 0x60, 0xB0}, 150, 0x4B01}, {NewTMP102(), []byte{1, 0x60, 0xB0}, -55, 0xE481},
		{NewTMP117(), nil, -25, 0xF380}, {NewTMP117(), nil, 100, 0x3200}, {NewTMP117(), nil, 0.0078125, 1},
	} {
		if c.conf != nil {
			c.chip.Tx(c.conf, nil)
		}
		c.chip.Set(c.temp)
		if got := word(t, c.chip, 0); got != c.want {
			t.Errorf("%v °C: %04x, want %04x", c.temp, got, c.want)
		}
	}
}

// SBAS444E §7.5.4 table 7-3: the output codes, and §8.1.3 how OS reads.
func TestADS1115_conversion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := NewADS1115()
		if got := word(t, c, 1); got != 0x8583 {
			t.Errorf("configuration %04x after power-on", got)
		}
		for _, k := range []struct {
			volts float64
			want  uint16
		}{{2.048, 0x7FFF}, {2.048 / 32768, 1}, {0, 0}, {-2.048 / 32768, 0xFFFF}, {-2.048, 0x8000}, {3, 0x7FFF}} {
			c.Set(2, k.volts)
			c.Tx([]byte{1, 0xE5, 0x83}, nil) // pin 2, 2.048 V, 128/s
			if got := word(t, c, 1); got != 0x6583 {
				t.Errorf("configuration %04x while converting", got)
			}
			time.Sleep(8 * time.Millisecond)
			if conf, got := word(t, c, 1), word(t, c, 0); conf != 0xE583 || got != k.want {
				t.Errorf("%v V: %04x with %04x, want %04x", k.volts, got, conf, k.want)
			}
		}
	})
}

// MLX90614 rev. 8 §8.4.3.1: the packet error code of 3AD2h read from 07h at 5Ah.
func TestTable_packetErrorCode(t *testing.T) {
	c := NewTable(map[byte][]byte{7: {0xD2, 0x3A}})
	c.SendPEC(0x5A, false)
	if b := get(t, c, 7, 3); b[2] != 0x30 {
		t.Errorf("% x", b)
	}
	c.SendPEC(0x5A, true)
	if b := get(t, c, 7, 3); b[2] == 0x30 {
		t.Errorf("% x", b)
	}
}

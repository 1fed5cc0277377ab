package bme280

import (
	"encoding/binary"
	"errors"
)

// trimming holds the coefficients of §4.2.2 table 16, widened once.
type trimming struct {
	t1, t2, t3                         float64
	p1, p2, p3, p4, p5, p6, p7, p8, p9 float64
	h1, h2, h3, h4, h5, h6             float64
}

// errTrimming means that the coefficients are those of no chip.
var errTrimming = errors.New("trimming is all zeros or all ones")

// parseTP takes the 26 bytes from 0x88.
func (k *trimming) parseTP(b []byte) {
	u := func(i int) float64 { return float64(binary.LittleEndian.Uint16(b[i:])) }
	s := func(i int) float64 { return float64(int16(binary.LittleEndian.Uint16(b[i:]))) }
	k.t1, k.t2, k.t3 = u(0), s(2), s(4)
	k.p1, k.p2, k.p3, k.p4, k.p5 = u(6), s(8), s(10), s(12), s(14)
	k.p6, k.p7, k.p8, k.p9 = s(16), s(18), s(20), s(22)
	k.h1 = float64(b[25])
}

// parseH takes the 7 bytes from 0xE1. H4 and H5 are signed, 12 bits each, and
// share the byte 0xE5.
func (k *trimming) parseH(b []byte) {
	k.h2 = float64(int16(binary.LittleEndian.Uint16(b)))
	k.h3 = float64(b[2])
	k.h4 = float64(int16(int8(b[3]))<<4 | int16(b[4]&0x0F))
	k.h5 = float64(int16(int8(b[5]))<<4 | int16(b[4]>>4))
	k.h6 = float64(int8(b[6]))
}

// check refuses coefficients as read from a dead line: all zeros or all ones.
func (k *trimming) check() error {
	if k.t1 == 0 || k.p1 == 0 || k.t1 == 0xFFFF && k.p1 == 0xFFFF {
		return errTrimming
	}
	return nil
}

// sample is one raw measurement: 20, 20 and 16 bits.
type sample struct {
	t, p, h uint32
}

// The raw values of a skipped measurement, §5.4.3 and §5.4.5.
const (
	skipped20 = 0x80000
	skipped16 = 0x8000
)

// marked reports whether a value is that of a skipped measurement.
func (s sample) marked() bool {
	return s.t == skipped20 || s.p == skipped20 || s.h == skipped16
}

// parse takes the 8 bytes from 0xF7, or the 6 of a BMP280.
func parse(b []byte) (sample, error) {
	s := sample{
		p: uint32(b[0])<<12 | uint32(b[1])<<4 | uint32(b[2])>>4,
		t: uint32(b[3])<<12 | uint32(b[4])<<4 | uint32(b[5])>>4,
	}
	ones := s.p == 0xFFFFF && s.t == 0xFFFFF
	if len(b) == 8 {
		s.h = uint32(b[6])<<8 | uint32(b[7])
		ones = ones && s.h == 0xFFFF
	}
	if ones {
		return s, errors.New("measurement is all ones")
	}
	return s, nil
}

// compensate computes dst (3 cells, or 2 without humidity) in °C, Pa and % by §8.1,
// double precision. Each product is rounded, so that every CPU gives the same bits.
//
// For the BMP280's worked example (t 519888, p 415148) it gives 25.08 °C and
// 100653.27 Pa.
func (k *trimming) compensate(s sample, dst []float64) error {
	fine := k.fine(s.t)
	p, err := k.pressure(s.p, fine)
	if err != nil {
		return err
	}
	dst[0], dst[1] = fine/5120, p
	if len(dst) == 3 {
		dst[2] = k.humidity(s.h, fine)
	}
	return nil
}

// fine is t_fine, the temperature in 1/5120 °C.
func (k *trimming) fine(raw uint32) float64 {
	t := float64(raw)
	a := float64((t/16384 - k.t1/1024) * k.t2)
	b := t/131072 - k.t1/8192
	return a + float64(float64(b*b)*k.t3)
}

// pressure is in Pa.
func (k *trimming) pressure(raw uint32, fine float64) (float64, error) {
	v1 := fine/2 - 64000
	v2 := float64(float64(v1*v1)*k.p6) / 32768
	v2 += float64(float64(v1*k.p5) * 2)
	v2 = v2/4 + float64(k.p4*65536)
	v1 = (float64(float64(k.p3*v1)*v1)/524288 + float64(k.p2*v1)) / 524288
	v1 = float64((1 + v1/32768) * k.p1)
	if v1 == 0 {
		return 0, errors.New("the pressure is infinite with this trimming")
	}
	p := 1048576 - float64(raw)
	p = float64((p-v2/4096)*6250) / v1
	v1 = float64(float64(k.p9*p)*p) / 2147483648
	v2 = float64(p*k.p8) / 32768
	return p + (v1+v2+k.p7)/16, nil
}

// humidity is in %, limited to 0 to 100 as §8.1 does.
func (k *trimming) humidity(raw uint32, fine float64) float64 {
	v := fine - 76800
	offset := float64(k.h4*64) + float64(k.h5/16384*v)
	slope := 1 + float64(k.h3/67108864*v)
	slope = 1 + float64(float64(k.h6/67108864*v)*slope)
	slope = float64(k.h2 / 65536 * slope)
	h := float64((float64(raw) - offset) * slope)
	h = float64(h * (1 - float64(k.h1*h)/524288))
	return min(max(h, 0), 100)
}

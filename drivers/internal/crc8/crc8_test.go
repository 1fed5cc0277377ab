package crc8

import "testing"

func TestSums(t *testing.T) {
	for _, c := range []struct {
		name      string
		got, want byte
	}{
		{"SHT3x §4.12", Sensirion(0xBE, 0xEF), 0x92},
		{"zeros", Sensirion(0, 0), 0x81}, // a dead line's zeros are no valid word
		{"ones", Sensirion(0xFF, 0xFF), 0xAC},
		{"CRC-8/SMBUS check value", PEC([]byte("123456789")...), 0xF4},
		{"MLX90614 rev. 8 §8.4.3.1", PEC(0xB4, 0x07, 0xB5, 0xD2, 0x3A), 0x30},
	} {
		if c.got != c.want {
			t.Errorf("%s: %02x, want %02x", c.name, c.got, c.want)
		}
	}
}

// Every single-bit error, and every burst of up to 8 bits, is found.
func FuzzSums(f *testing.F) {
	f.Add([]byte{0xBE, 0xEF}, uint8(0), uint8(3), uint8(0xFF))
	f.Fuzz(func(t *testing.T, b []byte, at, shift, burst uint8) {
		if len(b) < 2 || len(b) > 32 || burst == 0 {
			return
		}
		bad := append([]byte(nil), b...)
		i := int(at) % (len(b) - 1)
		word := uint16(burst) << (shift % 9)
		bad[i] ^= byte(word >> 8)
		bad[i+1] ^= byte(word)
		if Sensirion(bad...) == Sensirion(b...) || PEC(bad...) == PEC(b...) {
			t.Errorf("% x and % x have one checksum", b, bad)
		}
	})
}

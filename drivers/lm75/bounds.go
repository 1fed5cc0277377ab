package lm75

// Bounds is what the chip can measure in °C, §2; a value beyond is none that it
// measured.
func (d *Dev) Bounds(int) (lo, hi float64) { return -55, 125 }

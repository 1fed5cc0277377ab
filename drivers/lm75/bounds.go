package lm75

// Bounds returns the measuring range in °C, §2. The chip cannot have measured a
// value beyond it.
func (d *Dev) Bounds(int) (lo, hi float64) { return -55, 125 }

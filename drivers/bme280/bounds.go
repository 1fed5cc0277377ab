package bme280

// bounds are the measuring ranges, datasheet rev. 1.6, §1.1 to 1.3: °C, Pa and %.
// The BMP280's, rev. 1.19 table 2, are the same.
var bounds = [...][2]float64{{-40, 85}, {30_000, 110_000}, {0, 100}}

// Bounds returns the measuring range of a channel. The chip cannot have measured
// a value beyond it.
func (d *Dev) Bounds(channel int) (lo, hi float64) {
	return bounds[channel][0], bounds[channel][1]
}

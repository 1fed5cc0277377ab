package bme280

// bounds are what the chip can measure, datasheet rev. 1.6, §1.1 to 1.3: °C, Pa
// and %. The BMP280's, rev. 1.19 table 2, are the same.
var bounds = [...][2]float64{{-40, 85}, {30_000, 110_000}, {0, 100}}

// Bounds tells what the channel can be; a value beyond is none that the chip
// measured.
func (d *Dev) Bounds(channel int) (lo, hi float64) {
	return bounds[channel][0], bounds[channel][1]
}

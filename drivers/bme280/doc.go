// Package bme280 reads the Bosch BME280: temperature in °C, pressure in Pa,
// relative humidity in %; and the BMP280, which is the same chip without
// humidity, by NewBMP280.
//
// Each refuses the other, since what is sold as a BME280 is often a BMP280. It
// does not read the BME680, and it does not filter: the chip's own IIR filter is
// switched off, since smoothing belongs to whoever judges the values.
//
// # Opening and healing
//
// New touches nothing. The first Read, and the first after any failure, opens
// the chip: it checks the id, reads the trimming afresh, twice, since it has no
// checksum and a wrong bit would stay for good, and puts the chip to sleep. So a chip that is absent at start heals when it comes, and one that
// was unplugged, swapped or reset is opened anew instead of being computed with
// another chip's trimming. A chip that is swapped between two Reads, none of which
// fails, is not noticed.
//
// # What is written
//
// The BME280 measures nothing until it is told to (§3.3: sleep mode after
// power-on), so ctrl_hum, ctrl_meas and config are written; they are volatile.
// Each Read requests one forced measurement (§3.3.3), waits for the maximum
// time of §9.1, and collects it.
//
// # Datasheet
//
// Bosch Sensortec BST-BME280-DS002-15, revision 1.6, September 2018; § numbers
// are its. The worked example of the test is from the BMP280's sheet
// (§3.12), whose arithmetic for T and P is the same; the
// BME280's own sheet has none.
//
// # Why not periph.io/x/devices/v3/bmxx80
//
// Version 3.7.4 behind an adapter was run through drivers/driverstest and a
// simulated chip at 20 °C, 101325 Pa, 50 %:
//
//   - its errors are formatted with %v, so the cause of a failure is lost;
//   - after a loss of power between two reads the humidity is still requested
//     from a chip that has it switched off, and the mark of a skipped
//     measurement, 0x8000, is delivered as 70.0 % without an error;
//   - a BMP280 at the address is accepted and its humidity delivered as 0 %;
//   - it waits for the end of a measurement without bound and without a
//     context;
//   - 5 allocations a read.
//
// An invented humidity is what an anomaly detector must never be fed.
package bme280

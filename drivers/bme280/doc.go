// Package bme280 reads the Bosch BME280: temperature in °C, pressure in Pa,
// relative humidity in %. NewBMP280 reads the BMP280, which is the same chip
// without humidity.
//
// Each constructor's sensor refuses the other chip, because many modules sold as
// BME280 carry a BMP280. The package does not read the BME680. It does not filter:
// the chip's own IIR filter is switched off, because smoothing is decided where
// the values are judged.
//
// # Opening and healing
//
// New makes no transfer. The first Read, and the first after any failure, opens
// the chip: it checks the id, reads the trimming coefficients and puts the chip to
// sleep. The coefficients are read twice, because they have no checksum and a wrong
// bit would falsify every later value. So a chip that is absent at start is read as
// soon as it is there, and after one was unplugged, swapped or reset, the values
// are not computed with another chip's trimming. A swap between two Reads that both
// succeed is not noticed.
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
// refer to it. The worked example in the test is from the BMP280's datasheet
// (§3.12), whose arithmetic for temperature and pressure is the same; the BME280's
// own datasheet has none.
//
// # Why not periph.io/x/devices/v3/bmxx80
//
// Version 3.7.4 was run behind an adapter through drivers/driverstest and a
// simulated chip at 20 °C, 101325 Pa, 50 %:
//
//   - its errors are formatted with %v, so the cause of a failure is lost;
//   - after a loss of power between two reads the chip has humidity switched off,
//     and the driver delivers the value of a skipped measurement, 0x8000, as
//     70.0 % without an error;
//   - a BMP280 at the address is accepted and its humidity delivered as 0 %;
//   - it waits for the end of a measurement without a limit and without a context;
//   - 5 allocations per read.
//
// An anomaly detector must never be given an invented humidity.
package bme280

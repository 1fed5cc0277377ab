// Package drivers defines what a sensor is to this program: a source of a fixed
// list of channels, each a physical quantity in one unit, read on demand.
//
// It does not know how often a sensor is read, what the values are used for, or on
// which board the sensor sits. Each sub-package is one kind of device and turns
// bytes on a wire into float64 values.
//
// # The contract
//
// A driver implements Sensor:
//
//   - Its constructor makes no transfer. The device may be absent and come later.
//   - Channels is fixed for the sensor's life. Names are unique within the sensor.
//   - Read either fills a cell with a value measured during this call, or leaves it
//     NaN and returns an error that says why. Begin is the first line of a Read.
//   - An error names the device, what was being done and the cause, and wraps the
//     cause: "lm75 at 0x48: reading configuration: …".
//   - The next Read after a failure opens the device anew, so a device that was
//     unplugged, swapped or reset heals by itself.
//   - A driver starts no goroutine, logs nothing, and does not close the bus that it
//     was given. A Read of a chip allocates nothing.
//
// A cell that was not freshly read is NaN and nothing else: never the previous
// value, never zero. An anomaly detector that is given an invented value either
// raises a false alarm or, worse, learns it.
//
// A driver may have two more methods. Bounds(channel int) (lo, hi float64) returns
// the measuring range of a channel; equal ends mean that it is unknown. The driver
// still delivers values beyond the range; its reader treats them as bad.
// Age(channel int) time.Duration returns how old a channel's value was at the end
// of the newest Read, for drivers that do not measure on demand because they
// overhear a line. Rows and age limits use it.
//
// # Writing a driver
//
// The smallest driver to copy from is drivers/lm75: a doc.go that names the
// datasheet and says which values the driver refuses to deliver, one file with registers, Options,
// New and Read, and one test file. drivers/bme280 shows a chip with an opening
// sequence and calibration data, drivers/sht one with checksums, drivers/hwmon a
// device that the kernel drives, drivers/modbus a line shared by many units.
//
// What drivers share is in drivers/internal: chip (one device on an I²C bus:
// transfers with errors that say what was being done, waiting within a context),
// crc8, and sysfs (finding and reading devices of the kernel).
//
// A driver is tested without hardware, in three ways:
//
//   - Its bytes: transfers recorded from the datasheet's tables and examples, played
//     by periph's i2ctest.Playback. Each register constant cites its section.
//   - Its behaviour: a simulated chip from drivers/sim/i2csim, modelled at register
//     level from the same datasheet but independently of the driver. Attach it to
//     an i2csim.Bus, which can fail, hang and lose the chip. drivers/sim/modbussim
//     and drivers/sim/sysfssim are the counterparts for Modbus and for the kernel.
//   - The contract above: driverstest.Run, the conformance suite, with a few lines
//     of fixture. It fails each transfer of a Read in turn and checks that cells
//     are NaN, that the error wraps its cause and that the sensor heals; it checks
//     finished contexts, wrong lengths, Close and allocations.
//
// CONTRIBUTING.md lists the files that a new chip needs, in order. The import test in
// scripts/house holds that no driver imports another, a simulator or the agent.
package drivers

// Package ina reads the Texas Instruments INA219 and INA226: bus voltage in V,
// current in A, power in W.
//
// It does not configure a chip, and it does not use the chip's own current and
// power registers, which stay zero until a calibration is written.
//
// # Nothing is written
//
// After power-on each chip converts shunt and bus voltage continuously: the
// INA219 (§8.5.3) with 12 bits, ±320 mV and 32 V in 1.1 ms, the INA226 (§7.1.1)
// with ±81.92 mV and 40.96 V in 2.2 ms. Current is the shunt voltage over the
// configured resistance and power is voltage times current, both computed here
// in float64: what the calibration register would do, without rounding to its
// steps. So there is no state in the chip that a loss of power could take away,
// no opening sequence, and an absent or re-plugged chip is read like any other
// as soon as it answers.
//
// Each Read looks at the configuration register. Its bit 14 is always 1 in an
// INA226 and 0 in an INA219: one that stands in for the other is refused, since
// their registers are the same and mean other voltages. A chip that another
// master put to sleep or into triggered mode is reported, not changed; its
// ranges, averages and conversion times are honoured whatever they are, up to a
// second.
//
// # Fresh values
//
// The conversion-ready flag clears when a register is read: the power register
// of the INA219 (§8.6.3.2), the mask/enable register of the INA226 (§7.1.7). Read
// does that first and then waits for the flag, so what it returns was completed
// during the call. (Reading mask/enable also lets go of a latched alert, §7.1.7: an
// INA226 whose alert pin switches something is not to be read by this program.) A
// chip that loses its power between the flag and the reading of the two voltages
// holds 0, so a 0 is converted once more. A value at the end of the converter's
// range is not a measurement: the cell is NaN and the error names the range.
//
// # Datasheets
//
//   - INA219: SBOS448G, August 2008, revised December 2015
//   - INA226: SBOS547B, June 2011, revised September 2024
//
// § numbers are of the sheet of the chip that the file is named after.
//
// # Why not periph.io/x/devices/v3
//
// Version 3.7.4 has no driver of the INA226. Its ina219 behind an adapter was
// run through drivers/driverstest and a simulated chip at 24 V and 2 A:
//
//   - it selects the 16 V range, so 24 V is delivered as 16 V without an error;
//   - after a loss of power between two reads the calibration is gone and 0 A
//     and 0 W are delivered without an error;
//   - its errors are constants that hide the cause;
//   - it reads faster than its own conversion time of 136 ms without looking
//     at the conversion-ready flag, which repeats old values;
//   - 8 allocations a read, and two registers written.
package ina

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
// with ±81.92 mV and 40.96 V in 2.2 ms. The current is the shunt voltage divided by
// the configured resistance, and the power is voltage times current. Both are
// computed here in float64, as the chip would with its calibration register but
// without rounding to its steps. So the chip holds no settings of this driver that
// a loss of power could erase, there is no opening sequence, and an absent or
// re-plugged chip is read as soon as it answers.
//
// Each Read looks at the configuration register. Its bit 14 is always 1 in an
// INA226 and 0 in an INA219. The wrong chip is refused, because the registers of
// both have the same addresses but other units. A chip that another master put to
// sleep or into triggered mode is reported and not changed. Whatever ranges,
// averages and conversion times the chip is set to are used, up to conversions of
// a second.
//
// # Fresh values
//
// The conversion-ready flag clears when a register is read: the power register
// of the INA219 (§8.6.3.2), the mask/enable register of the INA226 (§7.1.7). Read
// reads that register first and then waits for the flag, so the conversion that it
// returns ended during the call. Reading mask/enable also clears a latched alert
// (§7.1.7): this program must not read an INA226 whose alert pin switches
// something. A chip that loses its power between the flag and the reading of the
// two voltages holds 0, so a 0 is converted once more. A value at the end of the
// converter's range is not a measurement: the cell is NaN and the error names the
// range.
//
// # Datasheets
//
//   - INA219: SBOS448G, August 2008, revised December 2015
//   - INA226: SBOS547B, June 2011, revised September 2024
//
// § numbers refer to the datasheet of the chip that the file is named after.
//
// # Why not periph.io/x/devices/v3
//
// Version 3.7.4 has no driver of the INA226. Its ina219 was run behind an adapter
// through drivers/driverstest and a simulated chip at 24 V and 2 A:
//
//   - it selects the 16 V range, so 24 V is delivered as 16 V without an error;
//   - after a loss of power between two reads the calibration is gone and 0 A
//     and 0 W are delivered without an error;
//   - its errors are constants that hide the cause;
//   - it does not check the conversion-ready flag, so reads that follow each other
//     faster than its conversion time of 136 ms return old values;
//   - 8 allocations per read, and two registers written.
package ina

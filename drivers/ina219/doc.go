// Package ina219 reads the Texas Instruments INA219: bus voltage in V, current
// in A, power in W.
//
// It does not configure the chip, and it does not use the chip's own current
// and power registers, which stay zero until a calibration is written.
//
// # Nothing is written
//
// §8.5.3 of the datasheet: after power-on the chip converts shunt and bus
// voltage continuously (12 bits, ±320 mV, 32 V). Current is the shunt voltage
// over the configured resistance and power is voltage times current, both
// computed here in float64. So there is no state in the chip that a loss of
// power could take away, no opening sequence, and an absent or re-plugged chip
// is read like any other as soon as it answers.
//
// Each Read looks at the configuration register. A chip that another master
// put to sleep or into triggered mode is reported, not changed; its ranges and
// conversion times are honoured whatever they are.
//
// # Fresh values
//
// The conversion-ready flag of the bus voltage register clears when the power
// register is read (§8.6.3.2). Read does that first and then waits for the
// flag, so what it returns was completed during the call. A value at the end
// of the converter's range is not a measurement: the cell is NaN and the error
// names the range.
//
// # Datasheet
//
// Texas Instruments SBOS448G, August 2008, revised December 2015; § numbers
// are its.
//
// # Why not periph.io/x/devices/v3/ina219
//
// Version 3.7.4 behind an adapter was run through drivers/driverstest and a
// simulated chip at 24 V and 2 A:
//
//   - it selects the 16 V range, so 24 V is delivered as 16 V without an error;
//   - after a loss of power between two reads the calibration is gone and 0 A
//     and 0 W are delivered without an error;
//   - its errors are constants that hide the cause;
//   - it reads faster than its own conversion time of 136 ms without looking
//     at the conversion-ready flag, which repeats old values;
//   - 8 allocations a read, and two registers written.
package ina219

// Package ina226 reads the Texas Instruments INA226: bus voltage in V, current
// in A, power in W.
//
// It does not configure the chip, and it does not use the chip's own current
// and power registers, which stay zero until a calibration is written and are
// zero again after a loss of power (§7.1 table 7-1).
//
// # Nothing is written
//
// After power-on the chip converts shunt and bus voltage continuously, 1.1 ms
// each (§7.1.1). Current is the shunt voltage over the configured resistance and
// power is voltage times current, both computed here in float64: what the
// calibration register would do, without rounding to its steps and without a
// state that the chip could lose. An absent or re-plugged chip is read like any
// other as soon as it answers.
//
// Each Read verifies the configuration register. A chip that another master put
// to sleep or into triggered mode is reported, not changed; its averages and
// conversion times are honoured whatever they are, up to a second.
//
// # Fresh values
//
// The conversion-ready flag of the mask/enable register clears when it is read
// (§7.1.7). Read does that first and then waits for the flag, so what it returns
// was completed during the call. A value at the end of the converter's range is
// not a measurement: the cell is NaN and the error names the range.
//
// # Datasheet
//
// Texas Instruments SBOS547B, June 2011, revised September 2024; § numbers are
// its.
//
// # Why not periph.io/x/devices/v3
//
// Version 3.7.4 has no driver of this chip.
package ina226

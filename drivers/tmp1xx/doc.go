// Package tmp1xx reads the Texas Instruments TMP102, TMP112 and TMP117:
// temperature in °C.
//
// It does not read the TMP75, TMP105 and other chips with the LM75's registers:
// package lm75 does.
//
// # Nothing is written
//
// After power-on each chip converts continuously (TMP102 and TMP112 four times
// a second, TMP117 once). Each Read looks at the configuration register first. It
// returns an error if another master put the chip into shutdown, because the chip
// would then repeat its last temperature for ever, and if another kind of chip
// answers at the address. The chip holds no settings of this driver that a loss of
// power could erase.
//
// The value is that of the newest conversion, up to 0.25 s old, 1 s for a TMP117.
// Until its first conversion after power-on, a TMP117 reads 8000h, which is an
// error. A TMP102 or TMP112 holds 0 °C for its first 26 ms (§7.5.2), so an exact
// 0 °C is read once more, 35 ms later. A temperature of 12 bits read as one of 13
// bits would be twice as high. So the
// temperature register and the configuration must agree on the format (§7.5.2, D0),
// or there is no value.
//
// # Datasheets
//
//   - TMP102: SBOS397H, August 2007, revised December 2018
//   - TMP112: SBOS473L, March 2009, revised July 2024
//   - TMP117: SNOSD82D, June 2018, revised September 2022
//
// § numbers refer to the datasheet named beside them, otherwise to the TMP102's.
//
// # Why not periph.io/x/devices/v3/tmp102
//
// Version 3.7.4, which knows the TMP102 only, was run behind an adapter through
// drivers/driverstest and a simulated chip:
//
//   - a chip in shutdown is read: 127 °C, the last temperature, while the chip
//     was at 99 °C, without an error;
//   - a chip in the extended mode at 25 °C is delivered as 12.5 °C without an
//     error;
//   - opening writes back the configuration that it read, or zeros if that reading
//     failed;
//   - 2 allocations per read.
package tmp1xx

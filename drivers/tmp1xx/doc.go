// Package tmp1xx reads the Texas Instruments TMP102, TMP112 and TMP117:
// temperature in °C.
//
// The TMP75, TMP105 and other chips with the LM75's registers are package
// lm75's.
//
// # Nothing is written
//
// After power-on each chip converts continuously (TMP102 and TMP112 four times
// a second, TMP117 once). Each Read looks at the configuration register first:
// a chip that another master put into shutdown is reported, not read, since it
// would repeat its last temperature for ever; and so is whatever answers at the
// address without being one of these chips. There is no state in the chip that
// a loss of power could take away.
//
// The value is the newest conversion's, up to 0.25 s old, 1 s for a TMP117. A
// chip that has not finished its first conversion since power-on says so by
// 8000h (TMP117) and gives no value; a TMP102 or TMP112 holds 0 °C for its
// first 26 ms (§7.5.2), so an exact 0 °C is read once more, 35 ms later. A
// temperature of 12 bits read as one of 13 would be twice as high: the two
// registers must agree on it (§7.5.2, D0), or there is no value.
//
// # Datasheets
//
//   - TMP102: SBOS397H, August 2007, revised December 2018
//   - TMP112: SBOS473L, March 2009, revised July 2024
//   - TMP117: SNOSD82D, June 2018, revised September 2022
//
// § numbers are of the sheet named beside them; where none is, TMP102.
//
// # Why not periph.io/x/devices/v3/tmp102
//
// Version 3.7.4, which knows the TMP102 only, behind an adapter was run through
// drivers/driverstest and a simulated chip:
//
//   - a chip in shutdown is read: 127 °C, the last temperature, while the chip
//     was at 99 °C, without an error;
//   - a chip in the extended mode at 25 °C is delivered as 12.5 °C without an
//     error;
//   - opening writes the configuration it has read, and where that reading
//     failed the zeros it holds instead;
//   - 2 allocations a read.
package tmp1xx

// Package ads1115 reads the Texas Instruments ADS1115, a 16-bit converter with
// four inputs and a programmable amplifier. It has one channel for each configured
// input, in V or in the unit of the transducer connected to it.
//
// It uses neither the comparator nor the continuous mode, whose value could be
// older than the read. The ADS1113 and ADS1114 have the same registers but only
// one pair of inputs, 0-1.
//
// # One measurement
//
// For each input in turn, Read writes the configuration with the start bit, waits
// for the slowest conversion (§6.5: data rates are exact to 10 %), checks that it
// has ended, and reads the result. The end is shown in the configuration register.
// The rest of that register must be as written, because a chip that lost its power
// meanwhile also shows "ended", but has the power-on input and amplifier. If exactly
// those are configured (inputs 0-1, 2.048 V, 128/s), such a chip is recognised by
// its result of 0, so a result of 0 is converted once more.
//
// A result at the end of the converter's range is not a measurement: the cell is
// NaN and the error names the range. The other inputs are still delivered.
//
// # Opening and healing
//
// New makes no transfer. The first Read, and the first after a failure, stops what
// the chip may be doing: the continuous mode of another program, or an earlier
// conversion that Read gave up. The chip ignores a start while a conversion runs
// (§8.1.3, OS).
//
// # Datasheet
//
// Texas Instruments SBAS444E, May 2009, revised December 2024; § numbers refer to
// it.
//
// # Why not periph.io/x/devices/v3/ads1x15
//
// Version 3.7.4 was run behind an adapter through drivers/driverstest and a
// simulated chip:
//
//   - 2.5 V in a range of 2.048 V is delivered as 2.0479 V without an error;
//   - it waits for the nominal time, from which the data rate may differ by 10 %,
//     and does not check that the conversion has ended: it then reads the previous
//     conversion, that of another input;
//   - a chip that loses its power while it converts is delivered as 0 V without
//     an error;
//   - 2 allocations per read, and no context.
package ads1115

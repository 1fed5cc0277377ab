// Package ads1115 reads the Texas Instruments ADS1115, a 16-bit converter with
// four inputs and a programmable amplifier: one channel for each configured
// input, in V or in what a transducer makes of it.
//
// It uses neither the comparator nor the continuous mode, whose value could be
// older than the read. The ADS1113 and ADS1114 have the same registers but one
// pair of inputs, 0-1.
//
// # One measurement
//
// For each input in turn Read writes the configuration with the start bit,
// waits for the slowest conversion (§6.5: data rates are 10 % exact), asks
// whether it has ended, and collects it. The answer to the question is the
// configuration register itself: it must be what was written, since a chip that
// lost its power meanwhile also says "ended", with the power-on input and
// amplifier. Where just those are configured (inputs 0-1, 2.048 V, 128/s) its
// mark is the 0 V that it holds: that is converted once more.
//
// A value at the end of the converter's range is not a measurement: the cell is
// NaN and the error names the range. The other inputs are still delivered.
//
// # Opening and healing
//
// New touches nothing. The first Read, and the first after a failure, ends what
// the chip may be doing, another program's continuous mode or a conversion of
// our own that was given up: a start is ignored while one runs (§8.1.3, OS).
//
// # Datasheet
//
// Texas Instruments SBAS444E, May 2009, revised December 2024; § numbers are
// its.
//
// # Why not periph.io/x/devices/v3/ads1x15
//
// Version 3.7.4 behind an adapter was run through drivers/driverstest and a
// simulated chip:
//
//   - 2.5 V in a range of 2.048 V is delivered as 2.0479 V without an error;
//   - it waits for the nominal time, from which the data rate may differ by 10 %,
//     and does not ask whether the conversion has ended: what it then collects
//     is the conversion before, of another input;
//   - a chip that loses its power while it converts is delivered as 0 V without
//     an error;
//   - 2 allocations a read, and no context.
package ads1115
